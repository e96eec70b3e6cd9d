//! What streaming clients cost the daemon. The cost grows with widths and not with clients.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use rainline_client::protocol::{Body, LineRequest, PROTOCOL, Request};

use crate::support::{House, cpu, figure, run_for};

const SECONDS: u64 = 5;

pub fn run() {
    println!("| clients | widths | drawings/s | µs CPU/s | RSS kB |\n|---|---|---|---|---|");
    for clients in [1, 10, 100, 1000] {
        let house = House::new("");
        let path = house.runtime().join(format!("rainline-{PROTOCOL}.sock"));
        let mut streams: Vec<UnixStream> = (0..clients)
            .map(|client| {
                let mut stream = UnixStream::connect(&path).expect("a daemon listens");
                let line = LineRequest {
                    line: "tmux".into(),
                    slot: "right".into(),
                    target: "tmux".into(),
                    columns: 80 + 20 * (client % 4) as u16,
                    pid: 1,
                    ..LineRequest::default()
                };
                let request = Request::new(Body::Stream(line), Duration::from_secs(1));
                let mut bytes = Vec::new();
                request.encode(&mut bytes);
                stream.write_all(&bytes).expect("written");
                stream
            })
            .collect();
        run_for(2);
        let daemon = house.daemon();
        let drawings = |house: &House| {
            let status = house.print(&["daemon", "status"]);
            let mut words = status.split_whitespace();
            words.find(|word| *word == "drawings");
            words.next().and_then(|n| n.parse::<u64>().ok()).unwrap_or(0)
        };
        let (before, drawn) = (cpu(daemon), drawings(&house));
        run_for(SECONDS);
        let (after, drawn) = (cpu(daemon), drawings(&house) - drawn);
        println!(
            "| {clients} | {} | {:.1} | {:.0} | {} |",
            clients.min(4),
            drawn as f64 / SECONDS as f64,
            (after - before) as f64 / 1e3 / SECONDS as f64,
            figure(daemon, "status", "VmRSS:"),
        );
        // Everybody got lines.
        let mut chunk = [0; 64];
        assert!(streams.iter_mut().all(|stream| stream.read(&mut chunk).is_ok_and(|n| n > 0)));
    }
}
