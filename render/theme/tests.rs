use super::*;
use crate::diagnostic::Source;

fn user(text: &str) -> Vec<(String, Arc<Source>)> {
    vec![("mine".into(), Arc::new(Source { path: "mine.toml".into(), text: text.into() }))]
}

#[test]
fn built_in_themes_have_no_faults() {
    for (name, _) in BUILT_IN {
        let (_, problems) = Theme::load(name, &[]).expect("built in");
        assert!(problems.is_empty(), "{name}: {}", problems[0]);
    }
}

#[test]
fn a_theme_inherits_and_overrides() {
    let files = user("inherits = \"rain\"\n[palette]\nblue = \"#010203\"\n");
    let (theme, problems) = Theme::load("mine", &files).expect("there");
    assert!(problems.is_empty(), "{}", problems[0]);
    assert_eq!(theme.color("blue"), Some(Color::Rgb(1, 2, 3)));
    assert_eq!(theme.accent("cpu"), Some(Color::Rgb(1, 2, 3)));
    assert!(theme.styles.contains_key("line"));
}

#[test]
fn faults_name_their_place() {
    let files = user("inherits = \"rian\"\n[style]\nline = \"fg:blu bg:#12345\"\n[gradeint]\n");
    let (_, problems) = Theme::load("mine", &files).expect("there");
    let lines: Vec<String> = problems.iter().map(Diagnostic::headline).collect();
    assert_eq!(
        lines,
        [
            "mine.toml:1:12: there is no theme `rian`; did you mean `rain`?",
            "mine.toml:4:2: unknown key `gradeint`; did you mean `gradient`?",
            "mine.toml:3:19: `#12345` is no colour: #rrggbb, 0 to 255, a name, default",
        ]
    );
}

#[test]
fn a_circle_of_named_styles_ends() {
    let files = user("[style]\na = \"b\"\nb = \"a bold\"\n");
    let (theme, _) = Theme::load("mine", &files).expect("there");
    let style = theme.over(Style::default(), "a", &Subject::default());
    assert!(style.attrs.contains(Attrs::BOLD));
}

#[test]
fn a_gradient_passes_through_its_stops() {
    let theme = Theme::built_in("rain").expect("built in");
    assert_eq!(theme.gradient("load", 0.0), theme.color("teal"));
    assert_eq!(theme.gradient("load", 0.5), theme.color("yellow"));
    assert_eq!(theme.gradient("load", 7.0), theme.color("red"));
}

/// Parts without a colour of their own took turns with the terminal's colours in `mono`, too.
#[test]
fn parts_have_no_colour_in_a_theme_without_any() {
    let mono = Theme::built_in("mono").expect("built in");
    assert!((0..8).all(|index| mono.part("cache", index) == crate::style::Color::Default));
}
