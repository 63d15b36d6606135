//! kill -9 in the middle of writes: what was acknowledged is there afterwards.

use crate::answer::Answer;
use crate::app::client;
use crate::guest::manifest;
use crate::process::Process;
use futures::future::join_all;
use std::sync::Mutex;
use tempfile::TempDir;

#[tokio::test]
async fn no_acknowledged_write_is_lost_when_the_host_is_killed() {
    let folder = TempDir::new().unwrap();
    let manifest = manifest(folder.path(), &[]);
    let client = client();
    let mut host = Process::start(&manifest, &[]).await;
    let acknowledged = Mutex::new(Vec::new());
    let writers = join_all((0..16).map(async |writer: usize| {
        for n in 0.. {
            let value = format!("{writer}-{n}");
            let url = format!("{}/modern/kv?op=set&key=k{value}&value={value}", host.url);
            // The end of the host ends the writer.
            match client.get(&url).send().await {
                Ok(answer) if answer.status() == 200 => acknowledged.lock().unwrap().push(value),
                _ => return,
            }
        }
    }));
    let killer = async {
        crate::app::until("there are writes to lose", async || {
            acknowledged.lock().unwrap().len() > 500
        })
        .await;
        host.signal("-KILL");
    };
    futures::join!(writers, killer);
    assert_eq!(host.ended().await, None, "killed by a signal");

    let host = Process::start(&manifest, &[]).await;
    let acknowledged = acknowledged.into_inner().unwrap();
    assert!(acknowledged.len() > 500);
    for value in acknowledged {
        let url = format!("{}/modern/kv?op=get&key=k{value}", host.url);
        let answer = Answer::read(client.get(&url).send().await.unwrap()).await;
        assert_eq!(answer.expect_status(200).text, value);
    }
}
