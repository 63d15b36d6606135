//! `--env`: what is given for this run is stronger than what the manifest says.

use crate::guest::Guests;

#[tokio::test]
async fn a_variable_of_the_command_line_replaces_that_of_the_manifest() {
    let guests = Guests::with(&[], |builder| {
        builder
            .environment("PLACE", "here")
            .environment("PLACE", "command line")
            .environment("NEW", "too")
    })
    .await;
    for caller in ["neighbour", "classic"] {
        let answer = guests
            .get(&format!("/{caller}/environment"))
            .await
            .expect_status(200);
        let mut variables: Vec<_> = answer.text.lines().collect();
        variables.sort_unstable();
        assert_eq!(
            variables,
            ["NEW=too", "OTHER=kept", "PLACE=command line"],
            "{caller}"
        );
    }
}
