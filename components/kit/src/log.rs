//! Structured log lines: one JSON object per line on standard error, where the host collects
//! them. Never a key, never a query, never a whole upstream body.
//!
//! Lines that are written while a request is answered carry its id, also those of work that goes
//! on after the answer: [`of_request`] says whose work it is, [`inherited`] hands that on.

use serde_json::Value;
use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::time::SystemTime;

thread_local! {
    // Whose work is being done right now. Several requests take turns, so it is set for each
    // turn anew.
    static REQUEST: RefCell<Option<Rc<str>>> = const { RefCell::new(None) };
}

/// Does `work` as a part of the request that has this id.
pub async fn of_request<T>(id: Rc<str>, work: impl Future<Output = T>) -> T {
    in_turns(Some(id), work).await
}

/// Does `work` as a part of the request that this is called for, if for any.
pub fn inherited<T>(work: impl Future<Output = T>) -> impl Future<Output = T> {
    let id = REQUEST.with_borrow(Clone::clone);
    in_turns(id, work)
}

async fn in_turns<T>(id: Option<Rc<str>>, work: impl Future<Output = T>) -> T {
    let mut work = pin!(work);
    poll_fn(|context| {
        let before = REQUEST.replace(id.clone());
        let polled = work.as_mut().poll(context);
        REQUEST.set(before);
        polled
    })
    .await
}

/// Something that went as it should.
pub fn info(event: Value) {
    write("info", event);
}

/// Something an operator may want to know about.
pub fn warning(event: Value) {
    write("warn", event);
}

fn write(level: &str, event: Value) {
    eprintln!("{}", line(level, event));
}

fn line(level: &str, mut event: Value) -> Value {
    if let Some(fields) = event.as_object_mut() {
        let time = humantime::format_rfc3339_millis(SystemTime::now());
        fields.insert("time".to_owned(), time.to_string().into());
        fields.insert("level".to_owned(), level.into());
        if let Some(id) = REQUEST.with_borrow(Clone::clone) {
            fields.insert("request_id".to_owned(), Value::from(&*id));
        }
    }
    event
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::executor::block_on;
    use futures::future::{join, join_all};
    use serde_json::json;
    use std::task::Poll;

    fn id_of(line: &Value) -> Option<&str> {
        line["request_id"].as_str()
    }

    /// Gives way once, so that others have their turn in between.
    async fn give_way() {
        let mut given = false;
        poll_fn(|context| {
            if std::mem::replace(&mut given, true) {
                return Poll::Ready(());
            }
            context.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
    }

    #[test]
    fn lines_carry_the_id_of_the_request_whose_turn_it_is() {
        let ids = ["a", "b", "c"];
        let works = ids.map(|id| {
            of_request(id.into(), async {
                give_way().await;
                let (line, inherited) = (
                    line("info", json!({})),
                    inherited(async {
                        give_way().await;
                        line("info", json!({}))
                    }),
                );
                (line, inherited)
            })
        });
        let done = block_on(join_all(works));
        assert_eq!(id_of(&line("info", json!({}))), None);
        for (id, (line, after)) in ids.iter().zip(done) {
            assert_eq!(id_of(&line), Some(*id));
            let (after, other) = block_on(join(after, of_request("x".into(), give_way())));
            assert_eq!((id_of(&after), other), (Some(*id), ()));
        }
    }

    #[test]
    fn a_line_says_when_and_how_grave() {
        let line = line("warn", json!({"event": "e"}));
        assert_eq!(line["level"], "warn");
        assert_eq!(line["event"], "e");
        let time = line["time"].as_str().unwrap();
        assert!(humantime::parse_rfc3339(time).is_ok(), "{time}");
    }
}
