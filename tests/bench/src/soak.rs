//! A long run: every route in turn, boards that expire all the time, and upstreams that fail and
//! recover. What must hold is that every answer is an expected one, that memory does not grow,
//! and that latency does not drift.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use serde::Serialize;
use tokio::time::{sleep, timeout};

use crate::answer::Answer;
use crate::load::{Counted, Sent};
use crate::mix::Mix;
use crate::names;
use crate::report::{aligned, table};
use crate::route::{self, Route};
use crate::run::Run;
use crate::server::{App, HostOptions, Launcher, Server, variables_of_market};
use crate::statistics::{Figure, rounded};

/// Connections.
pub const CONNECTIONS: u32 = 64;

/// How long one run of the load generator takes, in seconds. In the middle third of it an
/// upstream fails.
const WINDOW: u64 = 15;

/// What is left out when memory and latency are judged: caches and pools fill up in it.
const WARM_UP: Duration = Duration::from_secs(60);

/// Memory and latency of the last third may be this much above those of the first third.
const MEMORY_MAY_GROW: f64 = 1.05;
const LATENCY_MAY_GROW: f64 = 1.25;

/// How long a control order to the market may take.
const ORDER: Duration = Duration::from_secs(5);

/// Boards expire after two seconds, so that one is fetched all the time. They may be served for
/// a day.
const VARIABLES: [(&str, &str); 4] = [
    ("fresh_seconds", "2"),
    ("jitter_seconds", "1"),
    ("grace_seconds", "2"),
    ("refuse_seconds", "86400"),
];

/// Who fails, and how: one window each, over and over.
const FAULTS: [(&str, &str); 9] = [
    ("*", r#"{"fault":"server-error"}"#),
    ("coingecko", r#"{"fault":"hang"}"#),
    ("*", r#"{"fault":"reset"}"#),
    ("coingecko", r#"{"fault":"rate-limited","retry_after":2}"#),
    ("*", r#"{"fault":"truncated"}"#),
    ("*", r#"{"fault":"delay","ms":1500}"#),
    ("*", r#"{"fault":"hang"}"#),
    ("coingecko", r#"{"fault":"forbidden-html"}"#),
    ("*", r#"{"fault":"wrong-types"}"#),
];

/// One run of the load generator.
#[derive(Debug, Clone, Serialize)]
pub struct Window {
    /// Seconds since the beginning, at its end.
    pub at_seconds: f64,
    /// Who failed in the middle of it, and how.
    pub fault: String,
    /// Whether the market's failure showed: answers were marked as stale.
    pub stale: bool,
    /// Answers.
    pub requests: u64,
    /// Requests in a second.
    pub per_second: f64,
    /// Median latency, in microseconds.
    pub p50_us: u64,
    /// The 99th percentile of latency, in microseconds.
    pub p99_us: u64,
    /// Processor time of the host for one request, in microseconds.
    pub processor_us: f64,
    /// Resident bytes at its end.
    pub resident_bytes: u64,
    /// What was wrong in it, if anything was.
    pub wrong: Option<String>,
}

/// What the whole run comes to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Judgement {
    /// Windows in which something was wrong.
    pub wrong_windows: usize,
    /// Greatest memory of the last third of the windows ÷ of the first third, warm-up left out.
    /// None if the run was too short.
    pub memory: Option<f64>,
    /// The same of the median latencies' medians.
    pub p50: Option<f64>,
    /// The same of the 99th percentiles' medians.
    pub p99: Option<f64>,
    /// The same of processor time per request. What else the machine does changes latency much
    /// more than this.
    pub processor: Option<f64>,
}

/// Runs for `minutes`.
///
/// # Errors
/// If a server does not start or ends early.
pub async fn run(
    run: &mut Run,
    launcher: &Launcher<'_>,
    manifest: &Path,
    minutes: u64,
) -> Result<Vec<Window>> {
    let market = launcher.market().await?;
    let mut variables = variables_of_market(&market);
    variables.extend(VARIABLES.map(|(name, value)| (name.to_owned(), value.to_owned())));
    let app = App {
        manifest,
        seed: None,
        variables: &variables,
        probe: route::PAIR.path,
    };
    let mut host = launcher
        .host(names::HOST, &app, &HostOptions::default())
        .await?;
    let routes: Vec<Route> = route::ALL.into_iter().chain([route::INVALID]).collect();
    let mix = Mix::of(&routes);
    let mut windows = Vec::new();
    let count = (minutes * 60).div_ceil(WINDOW);
    for (number, (whom, fault)) in (1..=count).zip(FAULTS.into_iter().cycle()) {
        let url = host.url();
        let before = host.processor_time()?;
        let loading = run.wrk.rotate(&url, &mix.sent, CONNECTIONS, WINDOW);
        let failing = fail_for_a_while(run, &market, &host, whom, fault);
        let (counted, stale) = tokio::join!(loading, failing);
        let (counted, stale) = (counted?, stale?);
        host.must_run()?;
        let used = host.processor_time()?.saturating_sub(before);
        let wrong = mix.wrong_in(&counted, CONNECTIONS);
        if let Some(wrong) = &wrong {
            run.fail(format!("window {number}, {fault} of {whom}: {wrong}"));
        }
        let resident_bytes = host.resident_bytes()?;
        let window = Window {
            at_seconds: (number * WINDOW) as f64,
            fault: shown(whom, fault),
            stale,
            requests: counted.requests,
            per_second: counted.per_second(),
            p50_us: counted.p50_us,
            p99_us: counted.p99_us,
            processor_us: used.as_micros() as f64 / counted.requests.max(1) as f64,
            resident_bytes,
            wrong,
        };
        eprintln!("{number}/{count}: {}", line(&window, &counted));
        windows.push(window);
    }
    host.stop().await?;
    market.stop().await?;
    Ok(windows)
}

/// Lets the market fail in the middle third of a window. Gives whether answers were stale at the
/// end of that.
async fn fail_for_a_while(
    run: &Run,
    market: &Server,
    host: &Server,
    whom: &str,
    fault: &'static str,
) -> Result<bool> {
    let third = Duration::from_secs(WINDOW) / 3;
    let faults = format!("{}/_control/faults", market.url());
    sleep(third).await;
    let order = run.client.put(format!("{faults}/{whom}")).body(fault);
    carried_out(order).await?;
    sleep(third).await;
    let pair: Sent = route::PAIR.without_condition();
    let answer = Answer::to(&run.client, &host.url(), &pair).await?;
    carried_out(run.client.delete(faults)).await?;
    Ok(answer.body.contains(r#""stale":true"#))
}

async fn carried_out(order: reqwest::RequestBuilder) -> Result<()> {
    let answer = timeout(ORDER, order.send())
        .await
        .context("the market does not answer")??;
    answer.error_for_status()?;
    Ok(())
}

/// A fault as tables show it.
pub(crate) fn shown(whom: &str, fault: &str) -> String {
    let fault: serde_json::Value = serde_json::from_str(fault).unwrap_or_default();
    let name = fault.get("fault").and_then(serde_json::Value::as_str);
    let whom = if whom == "*" { "all" } else { whom };
    format!("{} of {whom}", name.unwrap_or("unknown"))
}

fn line(window: &Window, counted: &Counted) -> String {
    let wrong = window.wrong.as_deref().unwrap_or("all expected");
    format!(
        "{:<28} {:>9.0} req/s, p50 {} µs, p99 {} µs, {:.1} MiB, {wrong}, {:?}",
        window.fault,
        window.per_second,
        window.p50_us,
        window.p99_us,
        mib(window.resident_bytes),
        counted.answers,
    )
}

fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

/// Judges the windows of a run.
pub fn judge(windows: &[Window]) -> Judgement {
    let warm: Vec<&Window> = windows
        .iter()
        .filter(|window| window.at_seconds > WARM_UP.as_secs_f64())
        .collect();
    let third = warm.len() / 3;
    let first = warm.get(..third).unwrap_or_default();
    let last = warm.get(warm.len() - third..).unwrap_or_default();
    let grown = |figure: fn(&[&Window]) -> Option<f64>| Some(figure(last)? / figure(first)?);
    let wrong = windows.iter().filter(|window| window.wrong.is_some());
    Judgement {
        wrong_windows: wrong.count(),
        memory: grown(|part| {
            let most = part.iter().map(|window| window.resident_bytes).max();
            most.map(|bytes| bytes as f64)
        }),
        p50: grown(|part| median(part, |window| window.p50_us as f64)),
        p99: grown(|part| median(part, |window| window.p99_us as f64)),
        processor: grown(|part| median(part, |window| window.processor_us)),
    }
}

fn median(windows: &[&Window], of: fn(&Window) -> f64) -> Option<f64> {
    let figure = Figure::of(windows.iter().map(|window| of(window)));
    figure.map(|figure| figure.median)
}

impl Judgement {
    /// The judgement in sentences.
    pub fn sentences(&self) -> Vec<String> {
        let compared = |what: &str, grown: Option<f64>, most: f64, good: &str, bad: &str| {
            let Some(grown) = grown else {
                return format!("{what}: the run was too short to tell (4 minutes are enough)");
            };
            let verdict = if grown <= most { good } else { bad };
            format!(
                "{what}, last third ÷ first third after the first minute: {grown:.2}, {verdict}"
            )
        };
        vec![
            match self.wrong_windows {
                0 => "unexpected answers: none".to_owned(),
                windows => format!("unexpected answers: in {windows} windows"),
            },
            compared("memory", self.memory, MEMORY_MAY_GROW, "flat", "growing"),
            compared("p50", self.p50, LATENCY_MAY_GROW, "no drift", "drifting"),
            compared("p99", self.p99, LATENCY_MAY_GROW, "no drift", "drifting"),
            compared(
                "processor time per request",
                self.processor,
                LATENCY_MAY_GROW,
                "no drift: where latency drifts, it is for what else the machine does",
                "drifting",
            ),
        ]
    }
}

/// The windows as a table.
pub fn as_table(windows: &[Window]) -> comfy_table::Table {
    let mut table = table([
        "s",
        "upstream fault",
        "stale",
        "requests",
        "req/s",
        "p50 µs",
        "p99 µs",
        "CPU µs/req",
        "MiB",
        "answers",
    ]);
    for window in windows {
        table.add_row([
            rounded(window.at_seconds),
            window.fault.clone(),
            if window.stale { "yes" } else { "" }.to_owned(),
            rounded(window.requests as f64),
            rounded(window.per_second),
            rounded(window.p50_us as f64),
            rounded(window.p99_us as f64),
            rounded(window.processor_us),
            format!("{:.1}", mib(window.resident_bytes)),
            window
                .wrong
                .clone()
                .unwrap_or_else(|| "as expected".to_owned()),
        ]);
    }
    aligned(table, 3..9)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn windows(figures: impl IntoIterator<Item = (u64, u64)>) -> Vec<Window> {
        figures
            .into_iter()
            .zip(1..)
            .map(|((mib, p50_us), number)| Window {
                at_seconds: f64::from(number) * 15.0,
                fault: "hang of all".to_owned(),
                stale: true,
                requests: 1000,
                per_second: 100.0,
                p50_us,
                p99_us: 10 * p50_us,
                processor_us: p50_us as f64,
                resident_bytes: mib << 20,
                wrong: None,
            })
            .collect()
    }

    #[test]
    fn the_first_minute_does_not_count() {
        let warm_up = [(10, 900), (20, 900), (30, 900), (40, 900)];
        let steady = [(40, 500); 12];
        let judgement = judge(&windows(warm_up.into_iter().chain(steady)));
        assert_eq!(judgement.memory, Some(1.0));
        assert_eq!(judgement.p50, Some(1.0));
        assert!(
            judgement
                .sentences()
                .iter()
                .any(|text| text.ends_with("flat"))
        );
    }

    #[test]
    fn growth_and_drift_are_seen() {
        let judgement = judge(&windows((0..20).map(|step| (40 + step, 500 + 50 * step))));
        let sentences = judgement.sentences();
        assert!(sentences.iter().any(|text| text.ends_with("growing")));
        assert!(sentences.iter().any(|text| text.ends_with("drifting")));
    }

    #[test]
    fn a_short_run_is_not_judged() {
        let judgement = judge(&windows([(40, 500); 4]));
        assert_eq!(judgement.memory, None);
    }

    #[test]
    fn faults_are_shown_with_whom_they_meet() {
        assert_eq!(shown("*", r#"{"fault":"hang"}"#), "hang of all");
        for (whom, fault) in FAULTS {
            assert!(!shown(whom, fault).contains("unknown"), "{fault}");
        }
    }
}
