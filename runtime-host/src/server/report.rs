//! What is said of the host's own answers, and of those that it cuts off: in its log, and where it
//! is a component's doing in that component's own.

use http::Method;

use crate::guest_output::Stream;
use crate::server::core::Core;
use crate::server::guest_body::BodyFault;
use crate::server::problem::Problem;

impl Core {
    /// Says why the host answers in place of a component, where that is not the client's doing:
    /// in its own log, and in the component's.
    pub(super) fn report(&self, method: &Method, path: &str, problem: &Problem) {
        let status = problem.status();
        match problem {
            Problem::ComponentFailed { component, why } | Problem::TimedOut { component, why } => {
                tracing::warn!("{method} {path}: {status}: component `{component}`: {why}");
                if let Some(component) = self.component_named(component) {
                    self.tell(component, format!("{method} {path}: {status}: {why}"));
                }
            }
            Problem::Overloaded(_) | Problem::Leaving => {
                let Some(before) = self.turned_away.pass() else {
                    return;
                };
                let mut text = format!("{method} {path}: {status}: {}", problem.why(self.limits()));
                if before > 0 {
                    text.push_str(&format!(
                        "; {before} requests before it had the same answer"
                    ));
                }
                if *problem == Problem::Leaving {
                    tracing::info!("{text}");
                } else {
                    tracing::warn!("{text}");
                }
            }
            Problem::UploadStalled(limit) => tracing::info!(
                "{method} {path}: {status}: nothing of the request's body came for {} s \
                 (--request-body-timeout)",
                limit.as_secs_f64()
            ),
            Problem::NoRoute
            | Problem::BadRequest(_)
            | Problem::MethodNotAllowed
            | Problem::BodyTooLarge(_) => {}
        }
    }

    /// Says why an answer whose head has been sent is cut off.
    pub(crate) fn report_cut(
        &self,
        component: usize,
        method: &Method,
        path: &str,
        fault: &BodyFault,
    ) {
        let name = self.name(component);
        tracing::warn!("{method} {path}: the answer was cut off: component `{name}`: {fault}");
        self.tell(
            component,
            format!("{method} {path}: the answer was cut off: {fault}"),
        );
    }

    /// Says something to the author of a component.
    pub(crate) fn tell(&self, component: usize, text: String) {
        if let Some(component) = self.component(component) {
            component.output.say(&component.id, Stream::Stderr, text);
        }
    }
}
