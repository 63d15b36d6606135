//! Who owns one field of an object, as the API server keeps account of it: by server-side apply and
//! by plain updates. `spec.replicas` of the operator's Deployment is such a field, and what becomes
//! of it is decided by who owns it when the operator stops applying it.

use std::collections::BTreeSet;

/// One field with a number in it, which the API server fills in where nobody gives one.
#[derive(Debug, Clone)]
pub struct Owned {
    value: i64,
    default: i64,
    owners: BTreeSet<String>,
}

/// Somebody else owns the field, with another value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// Who does.
    pub owners: Vec<String>,
}

impl Owned {
    /// A field of a new object, which nobody has given.
    #[must_use]
    pub fn unset(default: i64) -> Self {
        Self {
            value: default,
            default,
            owners: BTreeSet::new(),
        }
    }

    /// What is in it.
    #[must_use]
    pub fn value(&self) -> i64 {
        self.value
    }

    /// Who owns it.
    pub fn owners(&self) -> impl Iterator<Item = &str> {
        self.owners.iter().map(String::as_str)
    }

    /// Server-side apply by a manager, of a configuration with this value in the field or without
    /// the field.
    ///
    /// # Errors
    /// If others own it with another value, and nothing is forced.
    pub fn apply(
        &mut self,
        manager: &str,
        value: Option<i64>,
        is_forced: bool,
    ) -> Result<(), Conflict> {
        let Some(value) = value else {
            // What its last owner no longer applies is removed, and then filled in again.
            if self.owners.remove(manager) && self.owners.is_empty() {
                self.value = self.default;
            }
            return Ok(());
        };
        if value != self.value {
            let others: Vec<String> = self.owners.iter().cloned().collect();
            let others: Vec<String> = others.into_iter().filter(|one| one != manager).collect();
            if !others.is_empty() && !is_forced {
                return Err(Conflict { owners: others });
            }
            self.owners.clear();
            self.value = value;
        }
        self.owners.insert(manager.to_owned());
        Ok(())
    }

    /// A plain update by a manager, as autoscalers do through the subresource `scale`. What it does
    /// not change it does not come to own.
    pub fn update(&mut self, manager: &str, value: i64) {
        if value != self.value {
            self.value = value;
            self.owners = BTreeSet::from([manager.to_owned()]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Owned;

    fn applied(value: i64) -> Owned {
        let mut field = Owned::unset(1);
        field.apply("operator", Some(value), true).unwrap();
        field
    }

    #[test]
    fn what_its_only_owner_gives_up_goes_back_to_the_default() {
        let mut field = applied(4);
        field.apply("operator", None, true).unwrap();
        assert_eq!(field.value(), 1);
        assert_eq!(field.owners().count(), 0);
    }

    #[test]
    fn what_another_owns_too_stays() {
        let mut field = applied(4);
        field.apply("handover", Some(4), false).unwrap();
        field.apply("operator", None, true).unwrap();
        assert_eq!(field.value(), 4);
        assert_eq!(field.owners().collect::<Vec<_>>(), ["handover"]);
    }

    #[test]
    fn another_value_is_a_conflict_unless_it_is_forced() {
        let mut field = applied(4);
        let conflict = field.apply("handover", Some(5), false).unwrap_err();
        assert_eq!(conflict.owners, ["operator"]);
        field.apply("handover", Some(5), true).unwrap();
        assert_eq!(field.owners().collect::<Vec<_>>(), ["handover"]);
        field.apply("operator", None, true).unwrap();
        assert_eq!(field.value(), 5);
    }

    #[test]
    fn an_update_takes_what_it_changes_and_nothing_else() {
        let mut field = applied(4);
        field.update("autoscaler", 4);
        assert_eq!(field.owners().collect::<Vec<_>>(), ["operator"]);
        field.update("autoscaler", 6);
        assert_eq!(field.owners().collect::<Vec<_>>(), ["autoscaler"]);
        field.apply("operator", None, true).unwrap();
        assert_eq!(field.value(), 6);
    }
}
