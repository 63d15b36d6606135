//! What the runtime config of the chart leaves open to requests of components: the internet only.

use kubernetes::checks::secrets::decoded;
use kubernetes::environments;
use kubernetes::fields::{Fields as _, step};

use crate::rendering::rendered;

#[test]
fn no_name_leads_inside_the_cluster() {
    let mut looked_at = 0;
    for environment in environments::all().unwrap() {
        for object in &rendered(&environment.name).objects {
            for at in ["/data", "/stringData", "/spec/target/template/data"] {
                let path = format!("{at}{}", step("runtime-config.toml"));
                let Some(text) = object.body.text(&path) else {
                    continue;
                };
                let config = decoded(object, &path, text);
                assert!(
                    config.contains("[outbound_networking]\nblock_networks = [\"private\"]\n"),
                    "{object} in {}: {config}",
                    environment.name
                );
                looked_at += 1;
            }
        }
    }
    assert!(looked_at > 0, "no environment renders a runtime config");
}
