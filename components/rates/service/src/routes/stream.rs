//! GET /v1/stream: server-sent events (HTML Standard §9.2), one for each new board.

use super::{asked, rates};
use crate::adapters::Adapters;
use crate::cache::{self, Served};
use crate::rendered::{Rendered, State};
use crate::service::Service;
use crate::watch::{self, LOOK};
use bytes::Bytes;
use edge_rates_kit::Capabilities;
use edge_rates_kit::answer::Answer;
use edge_rates_kit::problem::Problem;
use edge_rates_kit::request::Request;
use futures::{Stream, StreamExt, stream};
use http::StatusCode;
use std::rc::Rc;
use std::time::Duration;

/// The parameters that this route knows.
pub(super) const PARAMETERS: &[&str] = &["ids", "vs", EVENT, LAST_EVENT_PARAMETER];

/// How long a stream goes on. Then it ends and its client comes back, to this instance or to
/// another one: hosts retire instances, and a stream must not hold one for ever.
const LONGEST: Duration = Duration::from_secs(15 * 60);

/// A client hears of us at least this often.
const BEAT: Duration = Duration::from_secs(15);

/// What clients are told to wait, in milliseconds, before they come back; with so much more at
/// random that those of a host that has gone don't come back all at once.
const RETRY_MS: (u64, u64) = (2_000, 3_000);

/// The header by which a client says what it got last.
const LAST_EVENT: &str = "last-event-id";

/// The parameter in which those say it that can't send this header: scripts that stand in for
/// EventSource where a browser has none.
const LAST_EVENT_PARAMETER: &str = "lastEventId";

/// The parameter that names the type of the events.
const EVENT: &str = "event";

/// A comment, which clients drop: it shows them and all between that the stream is alive.
const HEARTBEAT: &[u8] = b":\n\n";

pub(super) async fn answer<W: Capabilities, A: Adapters + 'static>(
    service: &Rc<Service<W, A>>,
    request: &Request,
) -> Result<Answer, Problem> {
    let query = request.query();
    query.expect(PARAMETERS)?;
    let asked = rates::Question::plain(query, &service.settings.catalogue)?;
    let types = [("board", Type::Board), ("message", Type::Message)];
    let question = Question {
        kept_as: request
            .question(&[EVENT, LAST_EVENT_PARAMETER])
            .into_owned(),
        asked,
        of_type: asked::one_of(query, EVENT, &types)?.unwrap_or(Type::Board),
    };
    let served = cache::current(service, request.arrived()).await?;
    let known = request.header(LAST_EVENT);
    let known = known.or_else(|| query.first(LAST_EVENT_PARAMETER).map(str::to_owned));
    let mut first = opening(service.world.bits());
    // A client that has this very board needs it no second time, unless it has turned stale,
    // which the version does not tell.
    let is_known = known.is_some_and(|known| known == served.board.version.to_string());
    if served.is_stale || !is_known {
        first.extend_from_slice(&question.event(service, &served)?);
    }
    let mut answer = Answer::new(StatusCode::OK);
    answer.set("content-type", "text/event-stream");
    answer.set("cache-control", "no-store");
    // nginx would keep events back until its buffer is full.
    answer.set("x-accel-buffering", "no");
    Ok(answer.with_stream(events(service, question, &served, first)))
}

/// One client's question.
struct Question {
    /// The name that its answer is kept under.
    kept_as: String,
    asked: rates::Question,
    of_type: Type,
}

/// The type of the events, by which a client tells who in it is to hear of them.
#[derive(Debug, Clone, Copy)]
enum Type {
    /// `board`, for a listener of that name.
    Board,
    /// The one that events have without a name, for `onmessage`.
    Message,
}

impl Type {
    /// The field that says it.
    fn field(self) -> &'static str {
        match self {
            Type::Board => "event: board\n",
            Type::Message => "",
        }
    }
}

impl Question {
    /// The event that shows this board.
    fn event<W: Capabilities, A>(
        &self,
        service: &Service<W, A>,
        served: &Served,
    ) -> Result<Bytes, Problem> {
        // Clients with the same question share what is written for them.
        let known = service.shelf.find(&self.kept_as);
        let rendered = match known.filter(|known| known.of == served.state()) {
            Some(known) => known,
            None => {
                let rendered: Rendered = rates::render(self.asked.clone(), served)?;
                let rendered = Rc::new(rendered);
                service.shelf.keep(&self.kept_as, &rendered);
                rendered
            }
        };
        let data = rendered.body.plain();
        let mut event = Vec::with_capacity(data.len() + 64);
        event.extend_from_slice(
            format!(
                "id: {}\n{}data: ",
                served.board.version,
                self.of_type.field()
            )
            .as_bytes(),
        );
        // JSON as it is written here has no line breaks, which would end the field.
        event.extend_from_slice(data);
        event.extend_from_slice(b"\n\n");
        Ok(event.into())
    }
}

fn opening(bits: u64) -> Vec<u8> {
    let (least, spread) = RETRY_MS;
    format!("retry: {}\n\n", least + bits % spread).into_bytes()
}

/// What the client gets: `first`, then whatever comes.
fn events<W: Capabilities, A: Adapters + 'static>(
    service: &Rc<Service<W, A>>,
    question: Question,
    served: &Served,
    first: Vec<u8>,
) -> impl Stream<Item = Bytes> + 'static {
    let now = service.world.elapsed();
    let listening = Listening {
        service: Rc::clone(service),
        question,
        seen: served.state(),
        end: now + LONGEST,
        heard: now,
    };
    let later = stream::unfold(listening, async |mut listening| {
        let piece = listening.next().await?;
        Some((piece, listening))
    });
    stream::iter([Bytes::from(first)]).chain(later)
}

/// One client's place in what happens.
struct Listening<W, A> {
    service: Rc<Service<W, A>>,
    question: Question,
    /// The board that the client knows.
    seen: State,
    /// When the stream ends, in elapsed time.
    end: Duration,
    /// When the client was last told anything.
    heard: Duration,
}

impl<W: Capabilities, A: Adapters + 'static> Listening<W, A> {
    /// Waits for what the client has to hear; None at the end. Of several boards in the meantime
    /// the last one counts.
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            let world = &self.service.world;
            world.sleep(LOOK).await;
            let now = world.elapsed();
            if now >= self.end {
                return None;
            }
            let latest = watch::latest(&self.service).await;
            if let Some(served) = latest.filter(|served| self.seen.is_before(served.state())) {
                self.seen = served.state();
                // What can't be written now may be with the next board.
                if let Ok(event) = self.question.event(&self.service, &served) {
                    self.heard = now;
                    return Some(event);
                }
            }
            if now.saturating_sub(self.heard) >= BEAT {
                self.heard = now;
                return Some(Bytes::from_static(HEARTBEAT));
            }
        }
    }
}
