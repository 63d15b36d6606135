//! Component: the landing page, /api/info and the answer for unknown paths.
