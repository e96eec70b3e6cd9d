//! The grammar of formats, by recursive descent: one pass, every fault with its bytes.

use std::ops::Range;

use rainline_segments::Kind;

use super::args::Arg;
use super::formatter::{build, build_usual};
use super::{Node, declared};
use crate::diagnostic::Fault;
use crate::style::spec::Spec;

/// Templates nested deeper than this are refused, so that the recursion ends.
const MAX_DEPTH: usize = 32;

/// The most faults that are told of one format.
const MAX_FAULTS: usize = 10;
/// A longer format is refused, because it is filled each time that it is drawn.
const MAX_BYTES: usize = 4096;

pub fn parse(text: &str, kind: &Kind) -> Result<Vec<Node>, Vec<Fault>> {
    if text.len() > MAX_BYTES {
        let message = format!("a format has at most {MAX_BYTES} bytes");
        return Err(vec![Fault::new(0..text.len(), message)]);
    }
    let mut parser = Parser { text, at: 0, kind, faults: Vec::new() };
    let nodes = parser.nodes(&[], 0);
    parser.faults.truncate(MAX_FAULTS);
    if parser.faults.is_empty() { Ok(nodes) } else { Err(parser.faults) }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    kind: &'a Kind,
    faults: Vec<Fault>,
}

impl<'a> Parser<'a> {
    fn peek(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        Some(c)
    }

    fn take(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        if found {
            self.at += wanted.len_utf8();
        }
        found
    }

    fn fault(&mut self, span: Range<usize>, message: impl Into<String>) {
        self.faults.push(Fault::new(span, message));
    }

    /// Nodes up to one of `ends` (not taken) or the end of the text.
    fn nodes(&mut self, ends: &[char], depth: usize) -> Vec<Node> {
        let mut nodes = Vec::new();
        let mut text = String::new();
        if depth > MAX_DEPTH {
            self.fault(self.at..self.at + 1, format!("nested deeper than {MAX_DEPTH}"));
            self.at = self.text.len();
            return nodes;
        }
        while let Some(c) = self.peek() {
            if ends.contains(&c) {
                break;
            }
            let start = self.at;
            self.next();
            let node = match c {
                '\\' => {
                    match self.next() {
                        Some(escaped) => text.push(escaped),
                        None => self.fault(start..self.at, "nothing follows the `\\`"),
                    }
                    continue;
                }
                '$' => self.field(start),
                '[' => self.styled(start, depth),
                '(' => {
                    let inside = self.nodes(&[')'], depth + 1);
                    self.close(start, ')');
                    Some(Node::Group(inside))
                }
                '{' => self.first(start, depth),
                ']' | ')' | '}' => {
                    self.fault(start..self.at, format!("`{c}` closes nothing; write `\\{c}`"));
                    None
                }
                _ => {
                    text.push(c);
                    continue;
                }
            };
            if !text.is_empty() {
                nodes.push(Node::Text(std::mem::take(&mut text)));
            }
            nodes.extend(node);
        }
        if !text.is_empty() {
            nodes.push(Node::Text(text));
        }
        nodes
    }

    fn close(&mut self, start: usize, with: char) -> bool {
        let closed = self.take(with);
        if !closed {
            self.fault(start..start + 1, format!("never closed; a `{with}` is missing"));
        }
        closed
    }

    fn word(&mut self) -> &'a str {
        let start = self.at;
        while self.peek().is_some_and(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-')) {
            self.next();
        }
        &self.text[start..self.at]
    }

    /// After the `$`.
    fn field(&mut self, start: usize) -> Option<Node> {
        let braced = self.take('{');
        let named = self.at;
        let name = self.word();
        let span = named..self.at.max(named + 1);
        if name.is_empty() {
            self.fault(start..self.at, "a field's name must follow the `$`; write `\\$` for a `$`");
            return None;
        }
        if braced {
            self.close(start, '}');
        }
        if name == "icon" {
            return Some(Node::Icon);
        }
        let formatter = self.formatter();
        let field = match declared(self.kind, name, span) {
            Ok(field) => field,
            Err(fault) => {
                self.faults.push(fault);
                return None;
            }
        };
        let formatter = match formatter {
            None => build_usual(self.kind, field.unit),
            Some((word, span, args)) => build(word, span, &args, self.kind, field.unit),
        };
        match formatter {
            Ok(formatter) => Some(Node::Field { name: name.to_owned(), formatter }),
            Err(fault) => {
                self.faults.push(fault);
                None
            }
        }
    }

    /// `.word(args)`, if that is what follows: a dot at the end of a sentence is just a dot.
    fn formatter(&mut self) -> Option<(&'a str, Range<usize>, Vec<Arg<'a>>)> {
        let back = self.at;
        if !self.take('.') {
            return None;
        }
        let start = self.at;
        let word = self.word();
        let span = start..self.at;
        if word.is_empty() || !self.take('(') {
            self.at = back;
            return None;
        }
        let mut args = Vec::new();
        loop {
            self.spaces();
            if self.take(')') {
                break;
            }
            match self.arg() {
                Some(arg) => args.push(arg),
                None => {
                    self.fault(span.start..self.at, "the formatter's `(` is never closed");
                    break;
                }
            }
            self.spaces();
            if !self.take(',') {
                if !self.take(')') {
                    self.fault(span.start..self.at, "the formatter's `(` is never closed");
                }
                break;
            }
        }
        Some((word, span, args))
    }

    fn spaces(&mut self) {
        while self.peek() == Some(' ') {
            self.next();
        }
    }

    /// `key:value`, or a value alone; values may be quoted.
    fn arg(&mut self) -> Option<Arg<'a>> {
        let start = self.at;
        let quoted = |parser: &mut Parser<'a>| -> Option<String> {
            let quote = parser.peek().filter(|c| matches!(c, '\'' | '"'))?;
            parser.next();
            let mut value = String::new();
            loop {
                match parser.next()? {
                    c if c == quote => return Some(value),
                    '\\' => value.push(parser.next()?),
                    c => value.push(c),
                }
            }
        };
        if let Some(value) = quoted(self) {
            return Some(Arg { key: "", value, span: start..self.at });
        }
        let word = self.bare();
        if !self.take(':') {
            return (!word.is_empty()).then(|| Arg {
                key: "",
                value: word.to_owned(),
                span: start..self.at,
            });
        }
        let value = match quoted(self) {
            Some(value) => value,
            None => self.bare().to_owned(),
        };
        Some(Arg { key: word, value, span: start..self.at })
    }

    fn bare(&mut self) -> &'a str {
        let start = self.at;
        while self.peek().is_some_and(|c| !matches!(c, ',' | ')' | ':' | '\'' | '"' | ' ')) {
            self.next();
        }
        &self.text[start..self.at]
    }

    /// After the `[`: text, `]`, and a style in parentheses.
    fn styled(&mut self, start: usize, depth: usize) -> Option<Node> {
        let nodes = self.nodes(&[']'], depth + 1);
        if !self.close(start, ']') {
            return None;
        }
        let open = self.at;
        if !self.take('(') {
            self.fault(start..open, "a style must follow: `[text](bold fg:red)`; or write `\\[`");
            return None;
        }
        let style_start = self.at;
        // A style may hold one level of parentheses: `fg:gradient(load)`.
        let mut depth = 1;
        while let Some(c) = self.next() {
            match c {
                '(' => depth += 1,
                ')' => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                break;
            }
        }
        if depth > 0 {
            self.fault(open..open + 1, "the style's `(` is never closed");
            return None;
        }
        match Spec::parse(&self.text[style_start..self.at - 1]) {
            Ok(style) => Some(Node::Styled { nodes, style }),
            Err(faults) => {
                self.faults.extend(faults.into_iter().map(|fault| fault.shifted(style_start)));
                None
            }
        }
    }

    /// After the `{`: alternatives with `|` between them.
    fn first(&mut self, start: usize, depth: usize) -> Option<Node> {
        let mut arms = Vec::new();
        loop {
            arms.push(self.nodes(&['|', '}'], depth + 1));
            if !self.take('|') {
                break;
            }
        }
        self.close(start, '}').then_some(Node::First(arms))
    }
}
