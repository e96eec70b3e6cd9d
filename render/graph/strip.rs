//! A whole divided among its parts, cell by cell.

use super::STEPS;

/// The smallest piece of a strip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    Cell,
    /// An eighth of a cell, for block glyphs.
    Eighth,
}

/// Cells divided among parts: which parts, and where each ends, in eighths from the left.
pub(crate) struct Strip {
    parts: Vec<Option<usize>>,
    ends: Vec<usize>,
}

impl Strip {
    /// Divides `width` cells among the parts that are not zero and what they leave of the whole.
    pub fn of(parts: &[f64], whole: f64, width: usize, unit: Unit) -> Strip {
        let sizes: Vec<f64> = parts.iter().map(|part| amount(*part)).collect();
        let sum: f64 = sizes.iter().sum();
        let rest = (amount(whole) - sum).max(0.0);
        // What is left by rounding errors of the caller is not a part.
        let rest = if rest <= sum * 1e-9 { 0.0 } else { rest };
        let shown: Vec<(Option<usize>, f64)> = sizes
            .iter()
            .enumerate()
            .map(|(index, size)| (Some(index), *size))
            .chain([(None, rest)])
            .filter(|(_, size)| *size > 0.0)
            .collect();
        let shares: Vec<f64> = shown.iter().map(|(_, size)| size / (sum + rest)).collect();
        let ends = match unit {
            Unit::Eighth => {
                let ends = ends(&divide(&shares, width * STEPS));
                match apart(&ends) {
                    true => ends,
                    false => {
                        let simple = make_way(ends, width);
                        nearest(&shares, width, error(&shares, width, &simple)).unwrap_or(simple)
                    }
                }
            }
            Unit::Cell => ends(&divide(&shares, width)).iter().map(|end| end * STEPS).collect(),
        };
        Strip { parts: shown.into_iter().map(|(part, _)| part).collect(), ends }
    }

    /// The parts that own the first and the last eighth of a cell, and how many the first one has.
    pub fn cell(&self, index: usize) -> (Option<usize>, Option<usize>, usize) {
        let (start, end) = (index * STEPS, (index + 1) * STEPS);
        let part = |place: Option<usize>| place.and_then(|place| self.parts[place]);
        let first = self.ends.iter().position(|at| *at > start);
        let last = self.ends.iter().position(|at| *at >= end).or(self.ends.len().checked_sub(1));
        let eighths = first.map_or(STEPS, |first| self.ends[first].min(end) - start);
        (part(first), part(last), eighths)
    }
}

/// A part's size: NaN and negative count as 0, infinite as very large.
fn amount(value: f64) -> f64 {
    // Far beyond any byte count, and a sum of many is still finite.
    const MOST: f64 = 1e300;
    if value.is_nan() { 0.0 } else { value.clamp(0.0, MOST) }
}

/// Divides `units` by shares that add up to 1, by largest remainder. Each gets one at least, if there
/// are enough; those are taken from the largest.
pub(crate) fn divide(shares: &[f64], units: usize) -> Vec<usize> {
    let quotas: Vec<f64> = shares.iter().map(|share| share * units as f64).collect();
    let mut counts: Vec<usize> = quotas.iter().map(|quota| quota.floor() as usize).collect();
    let mut order: Vec<usize> = (0..shares.len()).collect();
    let left_over = |index: usize| quotas[index].fract();
    order.sort_unstable_by(|a, b| left_over(*b).total_cmp(&left_over(*a)).then(a.cmp(b)));
    let mut left = units.saturating_sub(counts.iter().sum());
    for index in order.into_iter().cycle() {
        if left == 0 {
            break;
        }
        counts[index] += 1;
        left -= 1;
    }
    let biggest = |counts: &[usize]| (0..counts.len()).rev().max_by_key(|index| counts[*index]);
    // Shares that do not add up to 1 exactly may have given one too many.
    while counts.iter().sum::<usize>() > units {
        let Some(index) = biggest(&counts) else { break };
        counts[index] -= 1;
    }
    if shares.len() <= units {
        while let Some(none) = counts.iter().position(|count| *count == 0) {
            let Some(index) = biggest(&counts) else { break };
            counts[index] -= 1;
            counts[none] += 1;
        }
    }
    counts
}

/// Where each part ends.
fn ends(counts: &[usize]) -> Vec<usize> {
    let end = |end: &mut usize, count: &usize| {
        *end += count;
        Some(*end)
    };
    counts.iter().scan(0, end).collect()
}

/// Whether two ends are inside the same cell.
fn collide(a: usize, b: usize) -> bool {
    a / STEPS == b / STEPS && !a.is_multiple_of(STEPS) && !b.is_multiple_of(STEPS)
}

/// Whether no cell has two ends inside it.
fn apart(ends: &[usize]) -> bool {
    ends.windows(2).all(|pair| !collide(pair[0], pair[1]))
}

/// The sum of the errors of parts with these ends, in eighths.
fn error(shares: &[f64], width: usize, ends: &[usize]) -> f64 {
    let starts = std::iter::once(&0).chain(ends);
    let sizes = starts.zip(ends).map(|(start, end)| (end - start) as f64);
    let quotas = shares.iter().map(|share| share * (width * STEPS) as f64);
    sizes.zip(quotas).map(|(size, quota)| (size - quota).abs()).sum()
}

/// How far from its exact place an end is sought, in eighths.
const AROUND: usize = STEPS + 2;

/// The ends with the least error of which no two are inside one cell, by dynamic programming over
/// places at most `AROUND` from the exact ones. `None`: none there has an error of at most `most`.
fn nearest(shares: &[f64], width: usize, most: f64) -> Option<Vec<usize>> {
    /// An end, the sum of errors up to it, and the index of the end before it in the row before.
    struct Place {
        end: usize,
        error: f64,
        before: usize,
    }
    let units = width * STEPS;
    let mut exact = 0.0;
    let mut rows = vec![vec![Place { end: 0, error: 0.0, before: 0 }]];
    for (index, share) in shares.iter().enumerate() {
        let quota = share * units as f64;
        exact += quota;
        let at = exact.round() as usize;
        let places = match index + 1 == shares.len() {
            true => units..=units,
            false => at.saturating_sub(AROUND).max(1)..=(at + AROUND).min(units),
        };
        let mut row = Vec::with_capacity(2 * AROUND + 1);
        for end in places {
            // The last place for the end before it that is not inside the same cell.
            let latest = if end.is_multiple_of(STEPS) { end - 1 } else { end / STEPS * STEPS };
            let mut best: Option<Place> = None;
            for (before, place) in rows[index].iter().enumerate() {
                // Ends of a row rise.
                if place.end > latest {
                    break;
                }
                let error = place.error + ((end - place.end) as f64 - quota).abs();
                if error <= most && best.as_ref().is_none_or(|best| error < best.error) {
                    best = Some(Place { end, error, before });
                }
            }
            row.extend(best);
        }
        rows.push(row);
    }
    let mut at = rows.last()?.iter().enumerate().min_by(|a, b| a.1.error.total_cmp(&b.1.error))?.0;
    let mut ends = Vec::with_capacity(shares.len());
    for row in rows[1..].iter().rev() {
        ends.push(row[at].end);
        at = row[at].before;
    }
    ends.reverse();
    Some(ends)
}

/// Moves the ends, in eighths, so that at most one is inside any cell; ends between two cells do not
/// count. With more than two parts a cell that is impossible, and they stay.
fn make_way(mut ends: Vec<usize>, width: usize) -> Vec<usize> {
    if ends.len() > 2 * width {
        return ends;
    }
    let inside = |at: usize| !at.is_multiple_of(STEPS);
    // The last place of each end that leaves a place to those after it.
    let mut latest = vec![width * STEPS; ends.len()];
    for index in (1..ends.len()).rev() {
        let next = latest[index];
        latest[index - 1] = if inside(next) { next / STEPS * STEPS } else { next - 1 };
    }
    let mut before = 0;
    for (end, latest) in ends.iter_mut().zip(latest) {
        let earliest = if inside(before) { before.next_multiple_of(STEPS) } else { before + 1 };
        *end = (*end).clamp(earliest.min(latest), latest);
        before = *end;
    }
    ends
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn eighths_are_divided_exactly(
            parts in prop::collection::vec(0.001..1000.0f64, 1..40),
            units in 1usize..400,
        ) {
            let sum: f64 = parts.iter().sum();
            let shares: Vec<f64> = parts.iter().map(|part| part / sum).collect();
            let counts = divide(&shares, units);
            prop_assert_eq!(counts.iter().sum::<usize>(), units);
            prop_assert!(parts.len() > units || counts.iter().all(|count| *count > 0));
            // Where none was rounded up from nothing, each is within one of its exact quota.
            if shares.iter().all(|share| share * units as f64 >= 1.0) {
                for (share, count) in shares.iter().zip(&counts) {
                    prop_assert!((share * units as f64 - *count as f64).abs() <= 1.0 + 1e-9);
                }
            }
        }
    }
}
