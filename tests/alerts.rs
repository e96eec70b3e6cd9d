//! Alerts with real processes: one notification for all lines that show the segment, whose text is
//! never run.

use crate::support::{Sandbox, Stream, Terminal, Tmux, program, until, until_true};

/// An alert's command that writes what it got, a line each.
fn teller(sandbox: &Sandbox) -> String {
    let file = sandbox.path("notifications");
    let words = "$RAINLINE_ALERT|$RAINLINE_STATE|$RAINLINE_LEVEL|$RAINLINE_TEXT|$1";
    format!(
        "do = [\"sh\", \"-c\", 'printf \"%s\\n\" \"{words}\" >> {}', \"\", \"{{segment}}\"]\n",
        file.display()
    )
}

fn configure(sandbox: &Sandbox, alert: &str) {
    sandbox.configure(&format!(
        "[line.terminal]\nleft = [\"it\", \"beside\"]\nright = []\n\
         [line.other]\nleft = [\"beside\"]\n\
         [segment.beside]\nuse = \"text\"\ntext = \"still here\"\n\
         [segment.it]\nuse = \"custom\"\n\
         [alert.loud]\nsegment = \"it\"\n{alert}"
    ));
}

/// Sets the value of the segment.
#[track_caller]
fn set(sandbox: &Sandbox, value: &str, level: &str) {
    sandbox.output(&["set", "it", value, "--level", level]);
}

fn notifications(sandbox: &Sandbox) -> Vec<String> {
    let text = std::fs::read_to_string(sandbox.path("notifications")).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

#[track_caller]
fn until_notified(sandbox: &Sandbox, count: usize) -> Vec<String> {
    until(&format!("{count} times"), || {
        Some(notifications(sandbox)).filter(|sent| sent.len() >= count)
    })
}

/// An open stream that has shown the segment once.
fn shown(sandbox: &Sandbox) -> Stream {
    let mut stream = sandbox.stream(&["terminal", "left", "--target", "plain"]);
    stream.next();
    stream
}

#[test]
fn one_alert_for_all_lines_and_one_at_its_end() {
    let sandbox = Sandbox::new();
    configure(&sandbox, &format!("hold = \"200ms\"\nback = true\n{}", teller(&sandbox)));
    sandbox.start_daemon(&[]);
    let lines: Vec<Stream> = (0..3).map(|_| shown(&sandbox)).collect();
    sandbox.output(&["set", "it", "calm"]);
    set(&sandbox, "$(touch gone) 97%", "critical");
    let sent = until_notified(&sandbox, 1);
    assert_eq!(sent, ["loud|reached|critical|it: critical: $(touch gone) 97%|it"]);
    set(&sandbox, "worse", "critical");
    set(&sandbox, "fine", "good");
    let sent = until_notified(&sandbox, 2);
    assert_eq!(sent[1..], ["loud|back|good|it: normal again: fine|it"]);
    assert!(sandbox.files_named("gone").is_empty());
    drop(lines);
}

#[test]
fn an_alert_repeats_while_it_lasts() {
    let sandbox = Sandbox::new();
    configure(&sandbox, &format!("again = \"200ms\"\nlevel = \"info\"\n{}", teller(&sandbox)));
    sandbox.start_daemon(&[]);
    set(&sandbox, "low", "good");
    set(&sandbox, "up", "warning");
    let sent = until_notified(&sandbox, 3);
    assert_eq!(sent[0], "loud|reached|warning|it: warning: up|it");
    assert_eq!(sent[1], "loud|again|warning|it: warning: up|it");
}

#[test]
fn a_segment_on_no_line_is_sampled_for_its_alert_only() {
    let sandbox = Sandbox::new();
    let command = |name: &str| {
        let script = format!("echo x >> {}; echo full; echo; echo ff0000", name);
        format!(
            "command = [\"sh\", \"-c\", \"{script}\"]\noutput = \"i3blocks\"\ninterval = '200ms'\n"
        )
    };
    let (seen, unseen) = (sandbox.path("seen"), sandbox.path("unseen"));
    let text = format!(
        "[line.terminal]\nleft = [\"beside\"]\n[segment.beside]\nuse = \"text\"\ntext = \"x\"\n\
         [segment.it]\nuse = \"custom\"\n{}[segment.idle]\nuse = \"custom\"\n{}\
         [alert.loud]\nsegment = \"it\"\n{}",
        command(&seen.display().to_string()),
        command(&unseen.display().to_string()),
        teller(&sandbox)
    );
    sandbox.configure(&text);
    sandbox.start_daemon(&[]);
    sandbox.print(&["terminal", "left"]);
    assert_eq!(until_notified(&sandbox, 1), ["loud|reached|critical|it: critical: full|it"]);
    assert!(seen.exists() && !unseen.exists());
}

/// Its level settles, so it must know what it was: another worker would not.
#[test]
fn a_reading_in_a_worker_keeps_its_past_while_others_are_busy() {
    let sandbox = Sandbox::new();
    let (value, reads) = (sandbox.write("value", "60"), sandbox.path("reads"));
    let mut text = format!(
        "[segment.it]\nuse = \"custom\"\ninterval = '100ms'\nfields = {{ v = \"count\" }}\n\
         level-by = \"v\"\nwarning = 50\ncritical = 100\n\
         command = [\"sh\", \"-c\", 'echo x >> {}; echo \"{{\\\"v\\\": $(cat {})}}\"']\n\
         [alert.loud]\nsegment = \"it\"\nlevel = \"warning\"\nback = true\n{}",
        reads.display(),
        value.display(),
        teller(&sandbox)
    );
    let others: Vec<String> = (0..5).map(|number| format!("\"o{number}\"")).collect();
    for name in &others {
        text.push_str(&format!(
            "[segment.{name}]\nuse = \"custom\"\ninterval = '100ms'\ncommand = [\"sleep\", \"0.02\"]\n"
        ));
    }
    text.push_str(&format!("[line.terminal]\nleft = [{}, \"clock\"]\n", others.join(", ")));
    sandbox.configure(&text);
    sandbox.start_daemon(&[]);
    let _line = shown(&sandbox);
    assert_eq!(until_notified(&sandbox, 1), ["loud|reached|warning|it: warning: 60|it"]);
    sandbox.write("value", "49");
    let count = || std::fs::read_to_string(&reads).map_or(0, |text| text.lines().count());
    let before = count();
    until_true("some readings", || count() >= before + 20);
    assert_eq!(notifications(&sandbox).len(), 1);
    sandbox.write("value", "10");
    assert_eq!(until_notified(&sandbox, 2)[1], "loud|back|idle|it: normal again: 10|it");
}

#[test]
fn doctor_names_an_alert_that_fails() {
    let sandbox = Sandbox::new();
    configure(&sandbox, "do = [\"no-such-program\"]\n");
    sandbox.start_daemon(&[]);
    set(&sandbox, "x", "critical");
    until_true("the doctor's word", || {
        sandbox.doctor().contains("alert loud: error: no-such-program: not found")
    });
}

#[test]
fn a_desktop_alert_escapes_markup() {
    let sandbox = Sandbox::new().with_bin();
    let log = sandbox.path("notifications");
    let script = format!("printf '%s\\n' \"$@\" > {0}.new; mv {0}.new {0}", log.display());
    sandbox.install("notify-send", &script);
    configure(&sandbox, "do = \"desktop\"\n");
    sandbox.start_daemon(&[]);
    set(&sandbox, "<b>97%</b> & more", "critical");
    let sent = until_notified(&sandbox, 1);
    let words = ["--app-name=Rainline", "--urgency=critical", "--", "it: critical"];
    assert_eq!(sent[..4], words);
    assert_eq!(sent[4], "&lt;b>97%&lt;/b> &amp; more");
}

#[test]
fn tmux_shows_the_message_and_obeys_nothing_in_it() {
    let sandbox = Sandbox::new();
    configure(&sandbox, "do = \"tmux\"\n");
    sandbox.start_daemon(&[]);
    // The message stays until a key is pressed.
    let conf = format!("set -g display-time 0\n{}", sandbox.wiring("tmux"));
    let mut tmux = Tmux::start(&sandbox, &conf, 10, 100);
    // The line was asked for from inside.
    tmux.terminal.wait_text("%");
    let touched = sandbox.path("touched");
    let text = format!("93% #(touch {}) #[reverse]", touched.display());
    set(&sandbox, &text, "critical");
    tmux.terminal.wait_text(&format!("it: critical: {text}"));
    assert!(!touched.exists());
}

#[test]
fn a_bell_rings_in_the_terminal_of_the_client() {
    let sandbox = Sandbox::new();
    configure(&sandbox, "do = \"bell\"\n");
    sandbox.start_daemon(&[]);
    let script = format!(
        "{} print terminal left --deadline 20000; echo asked; exec cat",
        program().display()
    );
    let mut terminal = Terminal::spawn(&sandbox, &["sh", "-c", &script], 4, 60);
    terminal.wait_text("asked");
    set(&sandbox, "x", "critical");
    terminal.wait_bell();
}
