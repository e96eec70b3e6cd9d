//! Theme files: reading, inheriting, checking.

use std::collections::BTreeMap;
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{BUILT_IN, Background, Theme};
use crate::diagnostic::{Diagnostic, Fault, Source};
use crate::style::Color;
use crate::style::spec::{Paint, Spec, words};
use rainline_caps::Glyphs;

/// A theme may have this many ancestors.
const MAX_PARENTS: usize = 8;

/// The tables of a theme file and what they hold.
pub const TABLES: &[(&str, &str)] = &[
    ("about", "one sentence"),
    ("inherits", "the theme that this one builds on"),
    ("background", "`dark` or `light`"),
    ("contrast", "the least contrast of its texts (WCAG 2), 4.5 unless it says more"),
    ("palette", "NAME = colour: #rrggbb, 0–255, a terminal colour's name, or `default`"),
    ("style", "NAME = style: `line`, `segment`, a kind, `icon`, `graph`, `level.warning` …"),
    ("accent", "KIND = colour, `part.NAME` and `ground.NAME` (behind a graph), `default`"),
    ("gradient", "NAME = [colours from nothing to full]; graphs use `heat`, `tide` and `work`"),
    ("separator", "ascii, unicode, nerd: left-hard, left-soft, right-hard, right-soft"),
    ("icon", "KIND = { nerd, unicode, ascii }"),
];

pub fn load(name: &str, user: &[(String, Arc<Source>)]) -> Option<(Theme, Vec<Diagnostic>)> {
    let find = |name: &str| -> Option<Arc<Source>> {
        if let Some((_, source)) = user.iter().find(|(known, _)| known == name) {
            return Some(source.clone());
        }
        let (name, text) = BUILT_IN.iter().find(|(known, _)| *known == name)?;
        Some(Arc::new(Source { path: format!("{name}.toml").into(), text: (*text).into() }))
    };
    // The chain from the theme to its oldest ancestor, then merged from the oldest down.
    let mut chain = vec![find(name)?];
    let mut problems = Vec::new();
    while chain.len() <= MAX_PARENTS {
        let source = chain[chain.len() - 1].clone();
        let Some((parent, span)) = parent(&source.text) else { break };
        match find(&parent) {
            Some(found) if !chain.contains(&found) => chain.push(found),
            Some(_) => {
                let fault = Fault::new(span, format!("`{parent}` inherits from itself"));
                problems.push(Diagnostic { source, fault });
                break;
            }
            None => {
                let known = user.iter().map(|(name, _)| name.as_str());
                let known = known.chain(BUILT_IN.iter().map(|(name, _)| *name));
                let fault =
                    Fault::new(span, format!("there is no theme `{parent}`")).meant(&parent, known);
                problems.push(Diagnostic { source, fault });
                break;
            }
        }
    }
    let mut theme = Theme { name: name.to_owned(), contrast: 4.5, ..Theme::default() };
    for source in chain.iter().rev() {
        let mut reader = ThemeReader { theme: &mut theme, faults: Vec::new() };
        reader.file(&source.text);
        let faults = reader.faults;
        problems
            .extend(faults.into_iter().map(|fault| Diagnostic { source: source.clone(), fault }));
    }
    resolve(&mut theme);
    Some((theme, problems))
}

/// Replaces the palette's names by their colours. Unknown names stay.
fn resolve(theme: &mut Theme) {
    let Theme { palette, styles, accents, gradients, .. } = theme;
    let specs = styles.values_mut().flat_map(|spec| [&mut spec.fg, &mut spec.bg]).flatten();
    for paint in specs.chain(accents.values_mut()).chain(gradients.values_mut().flatten()) {
        let Paint::Palette(name) = paint else { continue };
        if let Some(color) = palette.get(name).copied().or_else(|| Color::parse(name)) {
            *paint = Paint::Color(color);
        }
    }
}

fn parent(text: &str) -> Option<(String, std::ops::Range<usize>)> {
    let (table, _) = DeTable::parse_recoverable(text);
    let value = table.get_ref().get("inherits")?;
    Some((value.get_ref().as_str()?.to_owned(), value.span()))
}

struct ThemeReader<'t> {
    theme: &'t mut Theme,
    faults: Vec<Fault>,
}

type Setting<'a, 'i> = (&'a Spanned<std::borrow::Cow<'i, str>>, &'a Spanned<DeValue<'i>>);

impl ThemeReader<'_> {
    fn file(&mut self, text: &str) {
        let (table, errors) = DeTable::parse_recoverable(text);
        for error in errors {
            self.faults.push(Fault::new(error.span().unwrap_or(0..1), error.message()));
        }
        let table = table.get_ref();
        // Colours first: everything after them may name one.
        self.table(table, "palette", Self::palette);
        for (key, value) in table.iter() {
            match &**key.get_ref() {
                "about" => {
                    if let Some(about) = self.text(value) {
                        self.theme.about = about;
                    }
                }
                "background" => match value.get_ref().as_str() {
                    Some("dark") => self.theme.background = Background::Dark,
                    Some("light") => self.theme.background = Background::Light,
                    _ => self.fault(value, "expected \"dark\" or \"light\""),
                },
                "contrast" => match value.get_ref() {
                    DeValue::Integer(number) => self.contrast(value, number.as_str()),
                    DeValue::Float(number) => self.contrast(value, number.as_str()),
                    _ => self.fault(value, "expected a number from 1 to 21"),
                },
                "inherits" | "palette" => {}
                "style" => self.named(value, "", Self::style),
                "accent" => self.named(value, "", Self::accent),
                "gradient" => self.table(table, "gradient", Self::gradient),
                "separator" => self.table(table, "separator", Self::separator),
                "icon" => self.table(table, "icon", Self::icon),
                unknown => {
                    let fault = Fault::new(key.span(), format!("unknown key `{unknown}`"));
                    self.faults.push(fault.meant(unknown, TABLES.iter().map(|(name, _)| *name)));
                }
            }
        }
        self.names(table);
    }

    fn fault(&mut self, at: &Spanned<DeValue>, message: impl Into<String>) {
        self.faults.push(Fault::new(at.span(), message));
    }

    fn contrast(&mut self, value: &Spanned<DeValue>, number: &str) {
        match number.parse::<f64>() {
            Ok(ratio) if (1.0..=21.0).contains(&ratio) => self.theme.contrast = ratio,
            _ => self.fault(value, "expected a number from 1 to 21"),
        }
    }

    fn text(&mut self, value: &Spanned<DeValue>) -> Option<String> {
        let text = value.get_ref().as_str().map(str::to_owned);
        if text.is_none() {
            self.fault(value, format!("expected a text, found {}", value.get_ref().type_str()));
        }
        text
    }

    fn table(&mut self, table: &DeTable, name: &str, each: fn(&mut Self, Setting)) {
        let Some(value) = table.get(name) else { return };
        match value.get_ref().as_table() {
            Some(table) => table.iter().for_each(|entry| each(self, entry)),
            None => self.fault(value, format!("`{name}` must be a table")),
        }
    }

    fn palette(&mut self, (key, value): Setting) {
        let Some(text) = self.text(value) else { return };
        match self.theme.color(&text) {
            Some(color) => {
                self.theme.palette.insert(key.get_ref().to_string(), color);
            }
            None => self.unknown_color(value, &text),
        }
    }

    fn unknown_color(&mut self, value: &Spanned<DeValue>, text: &str) {
        let known = self.theme.palette.keys().map(String::as_str).chain(words());
        let fault = Fault::new(value.span(), format!("`{text}` is no colour")).meant(text, known);
        self.faults.push(fault);
    }

    /// A colour, kept by its name where it has one: a theme that inherits may say what it is.
    fn paint(&mut self, value: &Spanned<DeValue>, text: String) -> Option<Paint> {
        match self.theme.color(&text) {
            Some(_) if self.theme.palette.contains_key(&text) => Some(Paint::Palette(text)),
            Some(color) => Some(Paint::Color(color)),
            None => {
                self.unknown_color(value, &text);
                None
            }
        }
    }

    /// The texts of a table, with their names. Those of nested tables are joined by dots.
    fn named(
        &mut self,
        value: &Spanned<DeValue>,
        prefix: &str,
        each: fn(&mut Self, String, String, &Spanned<DeValue>),
    ) {
        let Some(table) = value.get_ref().as_table() else {
            return self.fault(value, "expected a table");
        };
        for (key, value) in table.iter() {
            let name = format!("{prefix}{}", key.get_ref());
            if value.get_ref().is_table() {
                self.named(value, &format!("{name}."), each);
            } else if let Some(text) = self.text(value) {
                each(self, name, text, value);
            }
        }
    }

    fn style(&mut self, name: String, text: String, value: &Spanned<DeValue>) {
        match Spec::parse(&text) {
            Ok(spec) => {
                self.theme.styles.insert(name, spec);
            }
            Err(faults) => {
                // The quote stands before the text.
                let start = value.span().start + 1;
                self.faults.extend(faults.into_iter().map(|fault| fault.shifted(start)));
            }
        }
    }

    fn accent(&mut self, name: String, text: String, value: &Spanned<DeValue>) {
        if let Some(paint) = self.paint(value, text) {
            self.theme.accents.insert(name, paint);
        }
    }

    fn gradient(&mut self, (key, value): Setting) {
        let Some(list) = value.get_ref().as_array() else {
            return self.fault(value, "expected a list of colours");
        };
        let mut stops = Vec::new();
        for stop in list.iter() {
            let Some(text) = self.text(stop) else { continue };
            stops.extend(self.paint(stop, text));
        }
        if stops.is_empty() {
            return self.fault(value, "a gradient needs at least one colour");
        }
        self.theme.gradients.insert(key.get_ref().to_string(), stops);
    }

    /// The glyph level of a key, or a fault.
    fn level(&mut self, key: &Spanned<std::borrow::Cow<str>>) -> Option<usize> {
        let glyphs = Glyphs::named(key.get_ref());
        if glyphs.is_none() {
            let fault = Fault::new(key.span(), "expected ascii, unicode or nerd");
            let known = Glyphs::NAMES.iter().map(|(name, _)| *name);
            self.faults.push(fault.meant(key.get_ref(), known));
        }
        glyphs.map(|glyphs| glyphs as usize)
    }

    fn separator(&mut self, (key, value): Setting) {
        let Some(level) = self.level(key) else { return };
        let Some(table) = value.get_ref().as_table() else {
            return self.fault(value, "expected a table");
        };
        for (key, value) in table.iter() {
            let Some(text) = self.text(value) else { continue };
            let separators = &mut self.theme.separators[level];
            match &**key.get_ref() {
                "left-hard" => separators.left_hard = text,
                "left-soft" => separators.left_soft = text,
                "right-hard" => separators.right_hard = text,
                "right-soft" => separators.right_soft = text,
                unknown => {
                    let known = ["left-hard", "left-soft", "right-hard", "right-soft"];
                    let fault = Fault::new(key.span(), format!("unknown key `{unknown}`"));
                    self.faults.push(fault.meant(unknown, known));
                }
            }
        }
    }

    fn icon(&mut self, (key, value): Setting) {
        let Some(table) = value.get_ref().as_table() else {
            return self.fault(value, "expected a table: { nerd = \"…\", unicode = \"…\" }");
        };
        for (level, value) in table.iter() {
            let Some(level) = self.level(level) else { continue };
            let Some(text) = self.text(value) else { continue };
            self.theme.icons.entry(key.get_ref().to_string()).or_default()[level] = Some(text);
        }
    }

    /// Every name that this file's styles use must be known now.
    fn names(&mut self, table: &DeTable) {
        let Some(style) = table.get("style") else { return };
        let mut texts = BTreeMap::new();
        collect(style, &mut texts);
        for (start, text) in texts {
            let Ok(spec) = Spec::parse(&text) else { continue };
            self.faults.extend(
                unknown_names(self.theme, &spec, &text)
                    .into_iter()
                    .map(|fault| fault.shifted(start)),
            );
        }
    }
}

/// The texts of a table of styles, by the place where each begins.
fn collect(value: &Spanned<DeValue>, texts: &mut BTreeMap<usize, String>) {
    match value.get_ref() {
        DeValue::Table(table) => table.iter().for_each(|(_, value)| collect(value, texts)),
        DeValue::String(text) => {
            texts.insert(value.span().start + 1, text.to_string());
        }
        _ => {}
    }
}

/// Names in a style that the theme does not know, as faults in `text`.
pub fn unknown_names(theme: &Theme, spec: &Spec, text: &str) -> Vec<Fault> {
    let mut faults = Vec::new();
    let place = |word: &str| {
        let at = text.find(word).unwrap_or(0);
        at..at + word.len()
    };
    for paint in [&spec.fg, &spec.bg].into_iter().flatten() {
        match paint {
            Paint::Palette(name) if theme.color(name).is_none() => {
                let known = theme.palette.keys().map(String::as_str).chain(words());
                let fault = Fault::new(place(name), format!("`{name}` is no colour of the theme"));
                faults.push(fault.meant(name, known));
            }
            Paint::Gradient(name) if !theme.gradients.contains_key(name) => {
                let known = theme.gradients.keys().map(String::as_str);
                let fault = Fault::new(place(name), format!("there is no gradient `{name}`"));
                faults.push(fault.meant(name, known));
            }
            _ => {}
        }
    }
    for name in spec.named.iter().filter(|name| !theme.styles.contains_key(*name)) {
        let known = theme.styles.keys().map(String::as_str).chain(words());
        let fault = Fault::new(place(name), format!("there is no style `{name}`"));
        faults.push(fault.meant(name, known));
    }
    faults
}
