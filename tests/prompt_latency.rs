//! Prompts: segments that show what only the client knows, such as its directory and how its last
//! command ended. Each client gets its own answer from the one daemon, from any directory there is.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::support::sandbox::output_of;
use crate::support::{Sandbox, program};

const CONFIG: &str = r#"
[line.prompt]
left = ["directory"]
right = ["status", "duration", "jobs", "keymap", "character", "env"]
[segment.directory]
format = "$path(|$repository:$within)(|$gone)"
[segment.character]
root = ''
[segment.keymap]
hide-when = "never"
"#;

fn running() -> Sandbox {
    Sandbox::running(CONFIG)
}

/// `print prompt SLOT` in plain text.
fn prompt(sandbox: &Sandbox, slot: &str, more: &[&str]) -> Command {
    let mut command = sandbox.printing(&[&["prompt", slot, "--target", "plain"], more].concat());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn text(child: Child) -> String {
    output_of(child.wait_with_output().expect("it ends")).trim_end().to_owned()
}

fn shown(mut command: Command) -> String {
    text(command.spawn().expect("it runs"))
}

#[test]
fn prompts_asked_for_at_once_show_each_its_own() {
    let sandbox = running();
    let ask = |number: i32| {
        let (status, jobs) = ((number % 100).to_string(), (number + 1).to_string());
        let duration = (2_000 + 1_000 * number).to_string();
        let more = ["--status", &*status, "--jobs", &jobs, "--duration", &duration];
        prompt(&sandbox, "right", &more).spawn().expect("it runs")
    };
    // The same again, when the answers of the first are known.
    for _ in 0..2 {
        let asked: Vec<_> = (0..24).map(|number| (number, ask(number))).collect();
        for (number, child) in asked {
            let shown = text(child);
            let failed = if number == 0 { String::new() } else { format!(" ✘ {number} ╱") };
            let expected = format!("{failed} {}s ╱ ✦ {} ❯", 2 + number, number + 1);
            assert_eq!(shown, expected);
        }
    }
}

#[test]
fn environment_and_keymap_are_the_clients() {
    let sandbox = running();
    let ask = |keymap: &str, venv: &str| {
        let mut command = prompt(&sandbox, "right", &["--keymap", keymap, "--glyphs", "ascii"]);
        command.env("VIRTUAL_ENV", venv);
        shown(command)
    };
    assert_eq!(ask("vicmd", "/srv/shop/.venv"), " normal < shop");
    assert_eq!(ask("viins", "/srv/blog"), " insert > blog");
    assert_eq!(ask("main", ""), ">");
}

/// The client's directory: bytes that are no text, escape sequences, links, work trees.
#[test]
fn any_directory_is_shown_and_none_is_obeyed() {
    let sandbox = running();
    let here = |dir: &Path, pwd: Option<&Path>| {
        let mut command = prompt(&sandbox, "left", &[]);
        command.current_dir(dir);
        pwd.map(|pwd| command.env("PWD", pwd));
        shown(command)
    };
    let home = sandbox.home();
    let make = |name: &[u8]| {
        let dir = home.join(OsStr::from_bytes(name));
        std::fs::create_dir_all(&dir).expect("a directory");
        dir
    };
    assert_eq!(here(&home, None), "~");
    assert_eq!(here(&make(b"plain"), None), "~/plain");
    assert_eq!(here(&make(b"caf\xe9"), None), "~/caf\u{fffd}");
    assert_eq!(here(&make(b"a\x1b]0;x\x07\nb"), None), "~/a·]0;x··b");
    assert_eq!(here(&make(b"$(id)`id`#(id)%n"), None), "~/$(id)`id`#(id)%n");

    let deep = make(b"code/deep/down");
    std::fs::create_dir(home.join("code/.git")).expect("a directory");
    assert_eq!(here(&deep, None), "~/code/deep/down|code:deep/down");

    let link = home.join("link");
    std::os::unix::fs::symlink(&deep, &link).expect("a link");
    assert_eq!(here(&deep, Some(&link)), "~/link");
    assert_eq!(here(&deep, Some(&home)), "~/code/deep/down|code:deep/down", "a lie");
}

#[test]
fn a_removed_directory_is_named() {
    let sandbox = running();
    std::fs::create_dir(sandbox.home().join("short-lived")).expect("a directory");
    let mut command = sandbox.command("sh");
    command.args([
        "-c",
        "rmdir \"$PWD\" && exec \"$0\" print prompt left --target plain --deadline 20000",
    ]);
    command.arg(program()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let dir = sandbox.home().join("short-lived");
    command.current_dir(&dir).env("PWD", &dir);
    assert_eq!(shown(command), "~/short-lived|gone");
}
