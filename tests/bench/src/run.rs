//! One run: servers are put under load in turn, round by round, so that what the machine does
//! beside it meets all of them alike. Answers are checked before they are counted.

use std::time::Duration;

use anyhow::{Context, Result};
use http::StatusCode;

use crate::answer::Answer;
use crate::load::{Counted, Wrk};
use crate::measurement::{Cell, Measured, Sample};
use crate::route::Route;
use crate::server::Server;

/// Between two loads: counters are written 200 ms after a request.
const SETTLE: Duration = Duration::from_millis(300);

/// How much is measured.
#[derive(Debug, Clone, Copy)]
pub struct Effort {
    /// How often every cell is measured.
    pub rounds: usize,
    /// How long each time.
    pub seconds: u64,
}

/// What a run has come to so far.
#[derive(Debug)]
pub struct Run {
    /// The load generator.
    pub wrk: Wrk,
    /// For single requests.
    pub client: reqwest::Client,
    /// How much is measured.
    pub effort: Effort,
    /// What was measured.
    pub measured: Measured,
    /// What did not run or answered wrongly: of these there must be none.
    pub failures: Vec<String>,
    /// What a reader has to know, such as which peers were absent.
    pub notes: Vec<String>,
}

/// Who is expected to answer like whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// It is the product or its twin: a wrong answer is a failure of the run.
    Ours,
    /// It is somebody else's: a wrong answer is noted.
    Peer,
}

/// A server that takes part in a stage.
#[derive(Debug)]
pub struct Contender {
    /// The server.
    pub server: Server,
    /// Its name in tables.
    pub name: &'static str,
    /// Whose it is.
    pub role: Role,
    /// Whether it is asked for a route at all.
    pub serves: fn(&Route) -> bool,
    /// Whether it has to answer like the first server of its stage that is compared.
    pub is_compared: bool,
}

impl Contender {
    /// A server that is asked for everything.
    pub fn new(name: &'static str, role: Role, server: Server) -> Contender {
        Contender {
            server,
            name,
            role,
            serves: |_| true,
            is_compared: true,
        }
    }
}

impl Run {
    /// Measures all contenders on all these routes and numbers of connections.
    ///
    /// # Errors
    /// If a server of ours or wrk ends; wrong answers are only noted among the failures.
    pub async fn measure(
        &mut self,
        stage: &'static str,
        contenders: &mut [Contender],
        loads: &[(Route, u32)],
        Effort { rounds, seconds }: Effort,
    ) -> Result<()> {
        for round in 1..=rounds {
            for (route, connections) in loads {
                let mut reference = None;
                // Whoever comes second may find the machine warmer: each round turns the order.
                let mut order: Vec<&mut Contender> = contenders.iter_mut().collect();
                if round.is_multiple_of(2) {
                    order.reverse();
                }
                for contender in order {
                    if !(contender.serves)(route) {
                        continue;
                    }
                    let cell = Cell {
                        stage,
                        server: contender.name,
                        route: route.name,
                        connections: *connections,
                    };
                    let sample =
                        self.sample(contender, route, *connections, seconds, &mut reference);
                    let sample = sample.await.with_context(|| contender.name)?;
                    eprintln!(
                        "{stage} {round}/{rounds}: {:<28} {:<12} c={connections:<5} {:>9.0} req/s, \
                         p50 {} µs, p99 {} µs",
                        contender.name, route.name, sample.per_second, sample.p50_us, sample.p99_us
                    );
                    self.measured.add(cell, sample);
                }
            }
        }
        Ok(())
    }

    /// Loads one server once, after its answer was compared with that of the first server asked
    /// for the same.
    async fn sample(
        &mut self,
        contender: &mut Contender,
        route: &Route,
        connections: u32,
        seconds: u64,
        reference: &mut Option<Answer>,
    ) -> Result<Sample> {
        contender.server.must_run()?;
        let url = contender.server.url();
        let plain = route.without_condition();
        let known = Answer::to(&self.client, &url, &plain).await?;
        let sent = route.sent(known.headers.get("etag").map(String::as_str));
        let answer = Answer::to(&self.client, &url, &sent).await?;
        let same = match reference {
            Some(reference) if contender.is_compared => answer.must_equal(reference),
            _ => Ok(()),
        };
        if let Err(error) = answer.expect(route.status).and(same) {
            self.complain(contender, route, &format!("{error:#}"));
        }
        if contender.is_compared {
            reference.get_or_insert(answer);
        }

        let before = contender.server.processor_time()?;
        let counted = self.wrk.repeat(&url, &sent, connections, seconds).await?;
        let used = contender.server.processor_time()?.saturating_sub(before);
        contender.server.must_run()?;
        if let Some(wrong) = wrong_in(&counted, route.status) {
            self.complain(contender, route, &format!("at c={connections}: {wrong}"));
        }
        tokio::time::sleep(SETTLE).await;
        // Refusing is quick: only what was answered as it should be counts.
        let good = good_of(&counted, route.status) as f64;
        Ok(Sample {
            per_second: good * 1e6 / counted.micros.max(1) as f64,
            p50_us: counted.p50_us as f64,
            p99_us: counted.p99_us as f64,
            processor_us: used.as_micros() as f64 / good.max(1.0),
        })
    }

    fn complain(&mut self, contender: &Contender, route: &Route, what: &str) {
        let text = format!("{}, {}: {what}", contender.name, route.name);
        match contender.role {
            Role::Ours => self.fail(text),
            Role::Peer => self.note(text),
        }
    }

    /// Notes that something of ours is wrong, once.
    pub fn fail(&mut self, text: String) {
        eprintln!("WRONG: {text}");
        if !self.failures.contains(&text) {
            self.failures.push(text);
        }
    }

    /// Notes something, once.
    pub fn note(&mut self, text: impl Into<String>) {
        let text = text.into();
        eprintln!("{text}");
        if !self.notes.contains(&text) {
            self.notes.push(text);
        }
    }
}

/// How many answers had the status that they should have had, as far as wrk tells: it counts
/// those of 400 and more.
fn good_of(counted: &Counted, status: StatusCode) -> u64 {
    match status.is_client_error() || status.is_server_error() {
        true => counted.refused(),
        false => counted.requests.saturating_sub(counted.refused()),
    }
}

/// What is wrong with a run in which every answer should have had `status`, if anything is.
fn wrong_in(counted: &Counted, status: StatusCode) -> Option<String> {
    if let Some(broken) = counted.broken() {
        return Some(broken);
    }
    let all = counted.requests;
    let wrong = all - good_of(counted, status).min(all);
    if all == 0 {
        return Some("there was no answer at all".to_owned());
    }
    (wrong > 0).then(|| format!("{wrong} of {all} answers had another status than {status}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(requests: u64, refused: u64) -> Counted {
        let text = format!(
            r#"{{"requests":{requests},"micros":1000000,"p50_us":1,"p99_us":1,"max_us":1,
                "connect":0,"read":0,"write":0,"timeout":0,"status":{refused},"answers":{{}}}}"#
        );
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn only_expected_answers_are_good() {
        assert_eq!(good_of(&counted(100, 60), StatusCode::OK), 40);
        assert_eq!(good_of(&counted(100, 60), StatusCode::NOT_FOUND), 60);
    }

    #[test]
    fn a_single_unexpected_answer_is_wrong() {
        assert_eq!(wrong_in(&counted(100, 0), StatusCode::OK), None);
        assert_eq!(wrong_in(&counted(100, 100), StatusCode::NOT_FOUND), None);
        assert!(wrong_in(&counted(100, 1), StatusCode::OK).is_some());
        assert!(wrong_in(&counted(100, 99), StatusCode::NOT_FOUND).is_some());
        assert!(wrong_in(&counted(0, 0), StatusCode::OK).is_some());
    }
}
