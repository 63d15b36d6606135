//! What is said at the start: where the application is, in the two forms that `spin up` has, so
//! that scripts find it.

use serde::Serialize;

/// Where an application is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StartUpText {
    /// The URL of the root, without a slash at its end.
    pub base_url: String,
    /// The public routes, in the order of the manifest.
    pub routes: Vec<PublicRoute>,
}

/// A route that clients can ask.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PublicRoute {
    /// The component that answers, or the trigger's own id if none does.
    pub id: String,
    /// The path, without the wildcard.
    pub route: String,
    /// Whether what is below that path belongs to it.
    pub wildcard: bool,
    /// What the component is for, if its manifest says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

impl StartUpText {
    /// For people: a line for each route, and one for its description.
    pub fn plain(&self) -> String {
        let base_url = &self.base_url;
        let mut text = format!("\nServing {base_url}\nAvailable Routes:\n");
        for route in &self.routes {
            let path = match route.route.as_str() {
                "/" => "",
                path => path,
            };
            let wildcard = if route.wildcard { " (wildcard)" } else { "" };
            text.push_str(&format!("  {}: {base_url}{path}{wildcard}\n", route.id));
            if let Some(description) = &route.description {
                text.push_str(&format!("    {description}\n"));
            }
        }
        text
    }

    /// For scripts: one JSON object.
    ///
    /// # Errors
    /// None that is known of.
    pub fn json(&self) -> serde_json::Result<String> {
        let mut text = serde_json::to_string_pretty(self)?;
        text.push('\n');
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text() -> StartUpText {
        let route = |id: &str, route: &str, wildcard, description: Option<&str>| PublicRoute {
            id: id.to_owned(),
            route: route.to_owned(),
            wildcard,
            description: description.map(str::to_owned),
        };
        StartUpText {
            base_url: "http://127.0.0.1:3000".to_owned(),
            routes: vec![
                route("site", "/", true, Some("Everything else")),
                route("v1", "/v1", true, None),
                route("ready", "/ready", false, None),
            ],
        }
    }

    #[test]
    fn people_get_a_line_for_each_route() {
        assert_eq!(
            text().plain(),
            "\nServing http://127.0.0.1:3000\nAvailable Routes:\n  \
             site: http://127.0.0.1:3000 (wildcard)\n    Everything else\n  \
             v1: http://127.0.0.1:3000/v1 (wildcard)\n  \
             ready: http://127.0.0.1:3000/ready\n"
        );
    }

    #[test]
    fn scripts_get_an_object() {
        let json: serde_json::Value = serde_json::from_str(&text().json().unwrap()).unwrap();
        let expected = serde_json::json!({
            "base_url": "http://127.0.0.1:3000",
            "routes": [
                {"id": "site", "route": "/", "wildcard": true, "description": "Everything else"},
                {"id": "v1", "route": "/v1", "wildcard": true},
                {"id": "ready", "route": "/ready", "wildcard": false},
            ],
        });
        assert_eq!(json, expected);
    }
}
