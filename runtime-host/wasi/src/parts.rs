//! What capabilities hold of one instance, each by its own type. There are so few that looking
//! through them is quicker than a map.

use std::any::{Any, TypeId};

/// One value per type.
#[derive(Default)]
pub struct Parts(Vec<(TypeId, Box<dyn Any + Send>)>);

impl Parts {
    /// The same with `part`, in place of an earlier one of its type.
    #[must_use]
    pub fn with<P: Any + Send>(mut self, part: P) -> Self {
        self.0.retain(|(kind, _)| *kind != TypeId::of::<P>());
        self.0.push((TypeId::of::<P>(), Box::new(part)));
        self
    }

    /// The value of that type; None where the instance was made without one.
    pub fn get<P: Any + Send>(&self) -> Option<&P> {
        let (_, part) = self.0.iter().find(|(kind, _)| *kind == TypeId::of::<P>())?;
        part.downcast_ref()
    }
}
