//! `text`: a text, cut where it is too long.

use std::sync::Arc;

use rainline_caps::Glyphs;
use rainline_segments::{Styled, Unit, Untrusted, Value};

use super::{Content, Context, Entry, Formatter};
use crate::width::{self, Cut};

pub(super) static ENTRY: Entry = Entry {
    name: "text",
    about: "a text, cut where it is too long",
    graph: false,
    args: &[("max", "64", "the most cells"), ("cut", "end", "`end`, `middle` or `start`")],
    takes: |unit| unit == Unit::Text,
    second: None,
    make: |args| {
        let cuts = [("end", Cut::End), ("middle", Cut::Middle), ("start", Cut::Start)];
        Ok(Arc::new(Text { max: args.count("max")?, cut: args.choice("cut", &cuts)? }))
    },
};

#[derive(Debug)]
struct Text {
    max: usize,
    cut: Cut,
}

impl Text {
    fn shown(&self, text: &Untrusted, cut: Cut, context: &Context) -> Untrusted {
        let ellipsis = context.glyphs.ellipsis(context.policy);
        width::cut(text.reveal(), self.max, cut, ellipsis, context.policy).into()
    }
}

impl Formatter for Text {
    fn value(&self, value: &Value, context: &Context) -> Option<Content> {
        let text = match value {
            Value::Text(text) => text,
            Value::Styled(pieces) => &Styled::text(pieces),
            Value::Sign(sign) => match context.glyphs {
                Glyphs::Nerd => &sign.nerd,
                Glyphs::Unicode => &sign.unicode,
                Glyphs::Ascii => &sign.ascii,
            },
            // Hosts cut live texts at the end.
            Value::Live { what, known } => {
                let most = u16::try_from(self.max).unwrap_or(u16::MAX);
                let known = self.shown(known, Cut::End, context);
                return Some(Content::Live { what: *what, most, known });
            }
            _ => return None,
        };
        Some(Content::Outside(self.shown(text, self.cut, context)))
    }

    fn is_whole(&self, text: &Untrusted, context: &Context) -> bool {
        width::width(text.reveal(), context.policy) <= self.max
    }
}

#[cfg(test)]
mod tests {
    use crate::format::tests::{fill, sample};

    #[test]
    fn is_cut_where_told() {
        assert_eq!(fill("$name.text(max:3)", &sample()), "ma…");
        assert_eq!(fill("$name.text(3,cut:start)", &sample()), "…in");
    }
}
