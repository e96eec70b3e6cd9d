//! `spark`: numbers as bars in one line.
//!
//! Whole numbers and plain decimals are drawn by the peer's integer arithmetic, to the cell. Where
//! one of the words is anything else (an exponent, `.5`, a gap, a number beyond its arithmetic) all
//! of them are drawn by the numbers they are. Words are read, never evaluated.

use super::base::peer::{Call, Deviation, Peer, Printed};

pub(super) static PEER: Peer = Peer {
    name: "spark",
    about: "numbers as bars in one line",
    link: true,
    deviations: &[
        Deviation {
            case: "words like `a[$(command)]`",
            peer: "evaluates them: the command runs",
            ours: "a gap, nothing runs",
        },
        Deviation {
            case: "`1e3`, `.5`, `1.5e3`, `08`, `50%`",
            peer: "an error, or a wrong bar",
            ours: "the numbers they are",
        },
        Deviation {
            case: "`nan`, `-`, `*`, any other word",
            peer: "an error, a variable's value, the names of files",
            ours: "a gap, so that columns stay where they are",
        },
        Deviation { case: "numbers from 2⁵⁵ on", peer: "overflow", ours: "the right bars" },
        Deviation { case: "lines that end in CR LF", peer: "an error", ours: "blanks like others" },
    ],
    run,
};

/// From the lowest bar to the highest.
pub(super) const TICKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// Laid out as the peer's, for programs that look for its parts.
const HELP: &str = "
    USAGE:
      spark [-h|--help] VALUE,...

    EXAMPLES:
      spark 1 5 22 13 53
      ▁▁▃▂█
      spark 0,30,55,80,33,150
      ▁▂▃▄▂█
      echo 9 13 5 17 1 | spark
      ▄▆▂█▁
";

fn run(call: &mut Call) -> Printed {
    let asks = call.words.first().is_some_and(|word| word == "-h" || word == "--help");
    // One empty word is as good as none.
    let is_empty = call.words.len() < 2 && call.words.concat().is_empty();
    if asks || (is_empty && call.input_is_terminal) {
        return Printed::text(HELP);
    }
    if !is_empty {
        return Printed::line(chart(&call.words.join(" ")));
    }
    let mut bytes = Vec::new();
    // What was read before an error is drawn.
    let _ = call.input.read_to_end(&mut bytes);
    // A shell's `$(…)` drops NULs.
    bytes.retain(|byte| *byte != 0);
    Printed::line(chart(&String::from_utf8_lossy(&bytes)))
}

/// The bars of a text of numbers between commas and blanks: a cell for each.
pub fn chart(text: &str) -> String {
    let words = || text.split(|c: char| c == ',' || c.is_whitespace()).filter(|w| !w.is_empty());
    match words().map(whole).collect::<Option<Vec<i64>>>() {
        Some(numbers) => of_whole(&numbers),
        None => of_any(&words().map(number).collect::<Vec<_>>()),
    }
}

/// The peer's ticks. The least number starts at 2³² − 1 and the greatest at 0, as there.
fn of_whole(numbers: &[i64]) -> String {
    let least = numbers.iter().copied().fold(0xffff_ffff, i64::min);
    let most = numbers.iter().copied().fold(0, i64::max);
    let ticks: &[char] = if least == most { &['▅', '▆'] } else { &TICKS };
    let (least, most) = (i128::from(least), i128::from(most));
    let step = (((most - least) << 8) / (ticks.len() as i128 - 1)).max(1);
    let tick = |number: &i64| {
        let at = ((i128::from(*number) - least) << 8) / step;
        ticks[at.clamp(0, ticks.len() as i128 - 1) as usize]
    };
    numbers.iter().map(tick).collect()
}

/// A bar for each number by its share of the range, a blank for a gap.
fn of_any(numbers: &[Option<f64>]) -> String {
    let known = || numbers.iter().flatten().copied();
    let least = known().fold(f64::INFINITY, f64::min);
    let most = known().fold(f64::NEG_INFINITY, f64::max);
    let tick = |number: &Option<f64>| match number {
        None => ' ',
        Some(_) if least == most => '▅',
        // Halves first: the whole range may be more than a number can be.
        Some(number) => {
            let share = (number / 2.0 - least / 2.0) / (most / 2.0 - least / 2.0);
            TICKS[((share * 7.0) as usize).min(7)]
        }
    };
    numbers.iter().map(tick).collect()
}

/// A number that the peer reads: decimal, `0x` hexadecimal, or octal after a zero. What follows the
/// last point is cut, unless it holds an exponent.
fn whole(word: &str) -> Option<i64> {
    let (word, cut) = word.rsplit_once('.').unwrap_or((word, ""));
    if cut.contains(['e', 'E']) {
        return None;
    }
    let (sign, digits) = match word.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, word.strip_prefix('+').unwrap_or(word)),
    };
    let hexadecimal = digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X"));
    let (digits, base) = match hexadecimal {
        Some(digits) => (digits, 16),
        None if digits.len() > 1 && digits.starts_with('0') => (digits, 8),
        None => (digits, 10),
    };
    // The sign is gone: a second one is no digit.
    let plain = !digits.is_empty() && digits.chars().all(|c| c.is_digit(base));
    let number = plain.then(|| i64::from_str_radix(digits, base).ok())??;
    (number < 1 << 55).then_some(sign * number)
}

/// A number in any usual form; `None` for a gap.
fn number(word: &str) -> Option<f64> {
    let plain = word.strip_suffix('%').unwrap_or(word);
    let known = match (whole(plain), plain.parse::<f64>()) {
        (Some(number), _) if !plain.contains('.') => Some(number as f64),
        (_, Ok(number)) => Some(number),
        (cut, Err(_)) => cut.map(|number| number as f64),
    };
    known.filter(|number| number.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rainline_segments::Machine;

    #[test]
    fn clean_numbers_as_the_peer_draws_them() {
        let upto = |last: u32| (1..=last).map(|n| n.to_string()).collect::<Vec<_>>().join(" ");
        for (input, bars) in [
            ("1 5 22 13 53", "▁▁▃▂█"),
            ("0,30,55,80,33,150", "▁▂▃▄▂█"),
            ("1,5,22,13,5", "▁▂█▅▂"),
            ("5.5,20", "▁█"),
            ("1,2,3,4,100,5,10,20,50,300", "▁▁▁▁▃▁▁▁▂█"),
            ("1,50,100", "▁▄█"),
            ("2,4,8", "▁▃█"),
            ("1,2,3,4,5", "▁▂▄▆█"),
            ("1,1,1,1", "▅▅▅▅"),
            ("0", "▅"),
            ("0 0 0", "▅▅▅"),
            ("0 1", "▁█"),
            ("0 1 2 3 4 5 6 7 8 9", "▁▁▂▃▄▄▅▆▇█"),
            ("0 1 2 3 4 5 6 7", "▁▂▃▄▅▆▇█"),
            ("100 0 100", "█▁█"),
            ("-1 5 10", "▁▄█"),
            ("-5,5,10", "▁▅█"),
            ("10 -5", "█▁"),
            ("0.9 0.1", "▅▅"),
            ("1.9 1.1 2.0", "▁▁█"),
            ("100 99 98 97", "█▅▃▁"),
            ("9 13 5 17 1", "▄▆▂█▁"),
            ("1,,2", "▁█"),
            ("", ""),
            ("0x10 1", "█▁"),
            ("010 8", "▅▅"),
            ("1000000 1000001 1000002", "▁▄█"),
            ("-3,-2,-1", "▁▃▅"),
            ("-5,-5,-5", "▁▁▁"),
            ("4294967296 4294967297", "▄█"),
            ("18014398509481984 0", "█▁"),
            ("12.5% 30.9% 99.99%", "▁▂█"),
            ("3.7ms 10.2ms", "▁█"),
            ("5. +7 -0", "▆█▁"),
        ] {
            assert_eq!(chart(input), bars, "{input}");
        }
        let bars = "▁▁▁▁▁▁▂▂▂▂▂▂▃▃▃▃▃▄▄▄▄▄▄▅▅▅▅▅▆▆▆▆▆▆▇▇▇▇▇█";
        assert_eq!(chart(&upto(40)), bars);
    }

    #[test]
    fn what_the_peer_cannot_draw_is_drawn_right() {
        for (input, bars) in [
            ("1e3 0", "█▁"),
            (".5 0 .25", "█▁▄"),
            ("1.5e3 1000 1500", "█▁█"),
            ("08 1", "█▁"),
            ("50% 100% 0%", "▄█▁"),
            ("1 nan 2", "▁ █"),
            ("1 - 2", "▁ █"),
            ("1 * 3", "▁ █"),
            ("36028797018963968 0", "█▁"),
            ("-1e308 1e308", "▁█"),
            ("1e400 1 2", " ▁█"),
            ("1\r\n2\r\n", "▁█"),
            ("nan", " "),
            ("2.5e0", "▅"),
            ("1.2.3 4.5x 1e1", " ▁█"),
        ] {
            assert_eq!(chart(input), bars, "{input}");
        }
    }

    #[test]
    fn words_come_from_the_command_line_or_from_input() {
        let run = |words: &[&str], input: &str| {
            run(&mut Call {
                words: &words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>(),
                machine: &Machine::real(),
                input: &mut input.as_bytes(),
                input_is_terminal: false,
                output_is_terminal: false,
                state: None,
                env: &|_| None,
            })
        };
        assert_eq!(run(&["1,", "2,", "3"], "9").out, "▁▄█\n");
        assert_eq!(run(&[], "1\t2\n3").out, "▁▄█\n");
        assert_eq!(run(&[], "").out, "\n");
        assert_eq!(run(&[""], "7 3").out, "█▁\n");
        assert_eq!((run(&["", ""], "7 3").out, run(&[" "], "7 3").out), ("\n".into(), "\n".into()));
        assert_eq!(run(&[], "1\0 2\0\n3").out, "▁▄█\n");
        assert!(run(&["-h"], "").out.contains("USAGE") && run(&["--help", "1"], "").code == 0);
    }

    proptest! {
        #[test]
        fn a_cell_for_each_word_whatever_it_is(text in "\\PC{0,40}([ ,\t\r\n][-+.0-9a-fxeE%$(`)\\[\\]*;&|]{0,12}){0,40}") {
            let words = text.split(|c: char| c == ',' || c.is_whitespace());
            let count = words.filter(|word| !word.is_empty()).count();
            let bars = chart(&text);
            prop_assert_eq!(bars.chars().count(), count);
            prop_assert!(bars.chars().all(|c| c == ' ' || TICKS.contains(&c)));
        }

        #[test]
        fn more_is_never_lower(mut numbers in proptest::collection::vec(-1e6_f64..1e6, 2..40)) {
            numbers.sort_by(f64::total_cmp);
            let text: Vec<String> = numbers.iter().map(|number| format!("{number:e}")).collect();
            let bars: Vec<char> = chart(&text.join(" ")).chars().collect();
            prop_assert!(bars.is_sorted(), "{bars:?}");
            prop_assert_eq!(bars.len(), numbers.len());
        }
    }
}
