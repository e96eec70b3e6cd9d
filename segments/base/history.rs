//! The history of one number: a fine ring of recent readings and a coarse one for a day.
//!
//! The fine ring holds one reading per tick; the coarse one minimum, mean and maximum of each
//! minute, so that a spike between two readings that are drawn is not lost. A gap (suspend,
//! restart) is NaN and is drawn empty.

use std::collections::VecDeque;

/// Readings in the fine ring: ten minutes at one per second.
pub const FINE: usize = 600;
/// Minutes in the coarse ring: a day.
pub const COARSE: usize = 1440;

/// Minimum, mean and maximum of several readings; all NaN if there are none.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cell {
    /// The least reading.
    pub min: f32,
    /// The mean of the readings.
    pub mean: f32,
    /// The greatest reading.
    pub max: f32,
}

impl Cell {
    /// No reading at all.
    pub const GAP: Cell = Cell { min: f32::NAN, mean: f32::NAN, max: f32::NAN };

    /// Whether there was no reading.
    pub fn is_gap(&self) -> bool {
        self.mean.is_nan()
    }

    /// Several cells as one; gaps are skipped.
    pub fn merge(cells: impl IntoIterator<Item = Cell>) -> Cell {
        let mut merged = Cell { min: f32::INFINITY, mean: 0.0, max: f32::NEG_INFINITY };
        let mut count = 0;
        for cell in cells.into_iter().filter(|cell| !cell.is_gap()) {
            merged.min = merged.min.min(cell.min);
            merged.max = merged.max.max(cell.max);
            merged.mean += cell.mean;
            count += 1;
        }
        if count == 0 {
            return Cell::GAP;
        }
        merged.mean /= count as f32;
        merged
    }
}

impl From<f64> for Cell {
    fn from(value: f64) -> Self {
        let value = value as f32;
        Cell { min: value, mean: value, max: value }
    }
}

/// The readings of one field of one instance, oldest first.
#[derive(Clone, Debug, Default)]
pub struct Ring {
    fine: VecDeque<f32>,
    /// The number of readings since the start, from which groups of readings are counted.
    pushed: u64,
    coarse: VecDeque<Cell>,
    /// The current minute: its number on the boot clock, its readings so far, and how many they
    /// are.
    minute: Option<(u64, Cell, u32)>,
}

/// The largest number that is kept.
const MOST: f64 = 1e37;

impl Ring {
    /// Adds the reading taken at `seconds` of the boot clock; NaN marks a gap.
    pub fn push(&mut self, value: f64, seconds: u64) {
        // What is larger would be infinite here, or in a sum.
        let value = value.clamp(-MOST, MOST);
        if self.fine.len() == FINE {
            self.fine.pop_front();
        }
        self.fine.push_back(value as f32);
        self.pushed += 1;
        if value.is_nan() {
            return;
        }
        let minute = seconds / 60;
        match &mut self.minute {
            Some((current, cell, count)) if *current == minute => {
                cell.min = cell.min.min(value as f32);
                cell.max = cell.max.max(value as f32);
                cell.mean += (value as f32 - cell.mean) / (*count as f32 + 1.0);
                *count += 1;
            }
            _ => {
                if let Some((_, done, _)) = self.minute.take() {
                    if self.coarse.len() == COARSE {
                        self.coarse.pop_front();
                    }
                    self.coarse.push_back(done);
                }
                self.minute = Some((minute, Cell::from(value), 1));
            }
        }
    }

    /// Marks a gap in the readings (suspend, restart). Two gaps in a row are one.
    pub fn gap(&mut self) {
        if self.fine.back().is_some_and(|last| !last.is_nan()) {
            self.push(f64::NAN, 0);
        }
    }

    /// Whether there is no reading yet.
    pub fn is_empty(&self) -> bool {
        self.fine.is_empty()
    }

    /// The newest `count` readings, oldest first; shorter while there are fewer.
    pub fn recent(&self, count: usize) -> impl ExactSizeIterator<Item = Cell> + '_ {
        let skip = self.fine.len().saturating_sub(count);
        self.fine.iter().skip(skip).map(|value| Cell::from(f64::from(*value)))
    }

    /// The newest `count` groups of `every` readings, oldest first, the current one last. A group
    /// keeps its readings as time goes on, so that a graph only moves.
    pub fn merged(&self, count: usize, every: usize) -> Vec<Cell> {
        let every = every.max(1);
        let newest = match self.pushed % every as u64 {
            0 => every,
            started => started as usize,
        };
        let mut groups = Vec::with_capacity(count);
        let mut end = self.fine.len();
        let mut length = newest;
        while end > 0 && groups.len() < count {
            let start = end.saturating_sub(length);
            let readings = self.fine.range(start..end);
            groups.push(Cell::merge(readings.map(|value| Cell::from(f64::from(*value)))));
            (end, length) = (start, every);
        }
        groups.reverse();
        groups
    }

    /// The newest `count` minutes, oldest first, the current one last.
    pub fn minutes(&self, count: usize) -> impl Iterator<Item = Cell> + '_ {
        let now = self.minute.map(|(_, cell, _)| cell);
        let skip = (self.coarse.len() + usize::from(now.is_some())).saturating_sub(count);
        self.coarse.iter().copied().chain(now).skip(skip)
    }

    /// All readings and minutes as plain numbers.
    pub fn parts(&self) -> (Vec<f32>, Vec<Cell>) {
        (self.fine.iter().copied().collect(), self.minutes(COARSE).collect())
    }

    /// A ring from what [`Ring::parts`] gave. Of longer parts the newest end is kept.
    pub fn from_parts(fine: &[f32], coarse: &[Cell]) -> Ring {
        let start = |len: usize, max: usize| len.saturating_sub(max);
        Ring {
            fine: fine[start(fine.len(), FINE)..].iter().copied().collect(),
            pushed: fine.len() as u64,
            coarse: coarse[start(coarse.len(), COARSE)..].iter().copied().collect(),
            minute: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_newest_readings() {
        let mut ring = Ring::default();
        for second in 0..FINE as u64 + 5 {
            ring.push(second as f64, second);
        }
        let newest: Vec<f32> = ring.recent(3).map(|cell| cell.mean).collect();
        assert_eq!(newest, [602.0, 603.0, 604.0]);
        assert_eq!(ring.recent(10_000).len(), FINE);
    }

    #[test]
    fn a_group_keeps_its_readings_as_time_goes_on() {
        let mut ring = Ring::default();
        let mut known: Vec<Cell> = Vec::new();
        for second in 0..FINE as u64 + 50 {
            ring.push((second * 7 % 100) as f64, second);
            let groups = ring.merged(4, 5);
            let (_, whole) = groups.split_last().expect("a current one");
            let expected = &known[known.len() - whole.len()..];
            assert_eq!(whole, expected, "after {second}");
            if second % 5 == 4 {
                known.push(groups[groups.len() - 1]);
            }
        }
        assert_eq!(ring.merged(2, 5).len(), 2);
        assert!(Ring::default().merged(3, 5).is_empty());
    }

    #[test]
    fn a_minute_keeps_its_spike() {
        let mut ring = Ring::default();
        for second in 0..60 {
            ring.push(if second == 30 { 100.0 } else { 0.0 }, second);
        }
        let minute = ring.minutes(1).next().expect("one minute");
        assert_eq!((minute.min, minute.max), (0.0, 100.0));
        assert!((minute.mean - 100.0 / 60.0).abs() < 0.01);
    }

    #[test]
    fn gaps_are_merged_and_parts_round_trip() {
        let mut ring = Ring::default();
        ring.push(1.0, 0);
        ring.gap();
        ring.gap();
        ring.push(2.0, 61);
        assert_eq!(ring.recent(9).filter(Cell::is_gap).count(), 1);
        let (fine, coarse) = ring.parts();
        let again = Ring::from_parts(&fine, &coarse);
        assert_eq!(again.recent(9).len(), 3);
        assert_eq!(again.minutes(9).count(), 2);
    }
}
