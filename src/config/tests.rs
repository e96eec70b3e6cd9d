use super::*;

fn config(text: &str) -> Config {
    let file = SourceFile { path: "config.toml".into(), text: text.into() };
    build(&Gathered { files: vec![file], host: "web-3".into(), ..Gathered::default() })
}

fn headlines(config: &Config) -> Vec<&str> {
    config.problems.iter().filter_map(|problem| problem.lines().next()).collect()
}

#[test]
fn the_built_in_config_is_right() {
    let config = Config::built_in();
    assert_eq!(config.problems, [""; 0]);
    assert_eq!(config.theme.name, "rain");
    assert!(!config.lines["tmux"].slots["right"][0].is_empty());
}

#[test]
fn a_mistake_is_named_and_the_rest_works() {
    let config = config(
        "theme = \"rian\"\n[line.tmux]\nright = [\"cpu\", \"memroy\", \"clock\"]\n\
         [segment.cpu]\nwarnign = 3\nformat = \"$usgae\"\n",
    );
    assert_eq!(
        headlines(&config),
        [
            "config.toml:1:9: there is no theme `rian`; did you mean `rain`?",
            "config.toml:3:17: there is no segment `memroy`; did you mean `memory`?",
            "config.toml:5:1: `cpu` has no option `warnign`; did you mean `warning`?",
            "config.toml:6:12: `cpu` has no field `usgae`; did you mean `usage`?",
        ]
    );
    assert_eq!(config.lines["tmux"].slots["right"][0].len(), 2);
    assert!(!config.unusable);
}

#[test]
fn the_portable_reader_is_asked_for_and_reads_in_workers() {
    let place = |text: &str| {
        let config = config(&format!("{text}\n[line.tmux]\nright = [\"cpu\", \"status\"]\n"));
        let of = |name: &str| &config.instances[usize::from(config.instance(name).expect("built"))];
        (config.reader, config.runs_in(of("cpu")), config.runs_in(of("status")))
    };
    let portable = (Reader::Portable, RunsIn::Worker, RunsIn::Daemon);
    assert_eq!(place("reader = \"portable\""), portable);
    assert_eq!(place("reader = \"native\""), (Reader::Native, RunsIn::Daemon, RunsIn::Daemon));
    assert_eq!(place("").0, Reader::default());
    assert_eq!(place("[host.\"web-*\"]\nreader = \"portable\""), portable);
    let wrong = config("reader = \"potrable\"");
    let message =
        "config.toml:1:10: expected one of \"native\", \"portable\"; did you mean `portable`?";
    assert_eq!(headlines(&wrong), [message]);
}

#[test]
fn broken_toml_makes_a_config_unusable() {
    assert!(config("theme = \n[line").unusable);
}

#[test]
fn two_instances_of_a_kind_have_options_of_their_own() {
    let config = config(
        "[line.tmux]\nright = [\"home\", \"utc\"]\n[segment.home]\nuse = \"text\"\ntext = \"a\"\n\
         [segment.utc]\nuse = \"text\"\ntext = \"b\"\n",
    );
    assert_eq!(headlines(&config), [""; 0]);
    let texts: Vec<_> = ["home", "utc"]
        .map(|name| &config.instances[usize::from(config.instance(name).expect("built"))])
        .map(|instance| instance.options["text"].as_str())
        .into();
    assert_eq!(texts, [Some("a"), Some("b")]);
}

#[test]
fn rows_and_hosts() {
    let config = config(
        "[line.prompt]\nleft = [[\"hostname\"], [\"text\"]]\n\
         [host.\"web-*\"]\ntheme = \"mono\"\n[host.laptop]\ntheme = \"rain-light\"\n",
    );
    assert_eq!(headlines(&config), [""; 0]);
    assert_eq!(config.lines["prompt"].slots["left"].len(), 2);
    assert_eq!(config.theme.name, "mono");
}

#[test]
fn problems_come_file_by_file() {
    let file = |path: &str, text: &str| SourceFile { path: path.into(), text: text.into() };
    let files = vec![
        file("base.toml", "[segment.cpu]\nwarnign = 3\n\n\n[segment.load]\nwarnign = 3\n"),
        file("config.toml", "theme = \"mine\"\nthmee = 1\n[segment.memory]\nwarnign = 3\n"),
    ];
    let themes = vec![("mine".into(), file("mine.toml", "x = 1\n"))];
    let config = build(&Gathered { files, themes, ..Gathered::default() });
    let places = headlines(&config).into_iter().map(|line| line.split(": ").next().expect("one"));
    assert_eq!(
        places.collect::<Vec<_>>(),
        ["base.toml:2:1", "base.toml:6:1", "config.toml:2:1", "config.toml:4:1", "mine.toml:1:1"]
    );
}

#[test]
fn a_wrong_option_falls_back_to_its_default_and_its_neighbours_stay() {
    let config =
        config("[segment.load]\nwarning = 3\n[segment.cpu]\nwarning = \"x\"\ncritical = 96\n");
    assert_eq!(headlines(&config), ["config.toml:4:11: expected a number, found string"]);
    let cpu = &config.instances[usize::from(config.instance("cpu").expect("built"))];
    assert_eq!(cpu.options.get("warning"), None);
    assert_eq!(cpu.options["critical"].as_integer(), Some(96));
}

#[test]
fn wrong_types_name_what_was_expected() {
    let config =
        config("theme = 3\n[line.tmux]\nright = \"cpu\"\n[segment.cpu]\nwarning = \"x\"\n");
    assert_eq!(
        headlines(&config),
        [
            "config.toml:1:9: expected a text, found integer",
            "config.toml:3:9: expected a list of segments, or a list of such lists",
            "config.toml:5:11: expected a number, found string",
        ]
    );
}
