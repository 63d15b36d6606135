//! Answers that follow from the settings alone: written once per instance, and given whether or
//! not there is a board. Their entity tags are their own hashes, so that every replica with the
//! same settings gives the same.

use edge_rates_kit::answer::{Answer, Validators};
use edge_rates_kit::caching::CacheTimes;
use edge_rates_kit::coding::Forms;
use edge_rates_kit::problem::Problem;
use edge_rates_kit::request::Request;
use edge_rates_quotes::etag::etag_of;
use serde::Serialize;
use std::cell::RefCell;
use std::rc::Rc;

/// What was written so far, by name.
#[derive(Debug, Default)]
pub(crate) struct Lists(RefCell<Vec<(&'static str, Rc<List>)>>);

#[derive(Debug)]
struct List {
    body: Forms,
    validators: Validators,
}

impl Lists {
    /// The list of this name, which `write` makes where it was not asked for before.
    ///
    /// # Errors
    /// A 406 problem if the client accepts no form of it.
    pub(crate) fn answer<T: Serialize>(
        &self,
        name: &'static str,
        request: &Request,
        times: &CacheTimes,
        write: impl FnOnce() -> T,
    ) -> Result<Answer, Problem> {
        let known = self.0.borrow();
        let list = known.iter().find(|(known, _)| *known == name);
        let list = list.map(|(_, list)| list.clone());
        drop(known);
        let list = list.unwrap_or_else(|| {
            // Structs of strings and numbers always serialise.
            let body = serde_json::to_vec(&write()).unwrap_or_default();
            let list = Rc::new(List {
                validators: Validators::new(etag_of(&body), None),
                body: Forms::new(body),
            });
            self.0.borrow_mut().push((name, Rc::clone(&list)));
            list
        });
        let (coding, body) = list.body.wanted(request)?;
        let mut answer = Answer::json(body);
        answer.set_validators(&list.validators);
        if let Some(coding) = coding {
            answer.set_coding(coding);
        }
        answer.set("cache-control", times.fresh());
        answer.set("vary", "Accept, Accept-Encoding");
        Ok(answer)
    }
}
