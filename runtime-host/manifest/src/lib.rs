//! Reads a Spin manifest strictly into a typed application: components, routes, variables, allowed hosts.
