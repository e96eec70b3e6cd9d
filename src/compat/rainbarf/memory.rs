//! The memory's classes, their order and how many cells each gets.

use rainline_segments::machine::Meminfo;

use super::options::Options;

/// A class of memory: its letter and its size, in the same unit for all.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Class {
    pub(super) letter: char,
    pub(super) size: f64,
}

impl Class {
    pub(super) fn colour(&self) -> &'static str {
        match self.letter {
            'f' => "green",
            'w' => "red",
            'a' => "yellow",
            'i' => "blue",
            'c' => "cyan",
            'x' => "magenta",
            _ => "default",
        }
    }
}

/// The memory as a chart has it.
#[derive(Debug, Default)]
pub(super) struct Memory {
    /// In the order they are drawn; none where the sizes are not known. No size is negative.
    pub(super) classes: Vec<Class>,
    /// Whether these are not the peer's sizes, which would not add up.
    pub(super) corrected: bool,
}

pub(super) fn memory(meminfo: &Meminfo, options: &Options) -> Memory {
    let Some(total) = meminfo.total.filter(|total| *total > 0) else { return Memory::default() };
    let number = |value: Option<u64>| value.unwrap_or(0) as f64;
    let total = total as f64;
    let free = number(meminfo.free).min(total);
    let (mut active, mut inactive) = (number(meminfo.active), number(meminfo.inactive));
    let cached = number(meminfo.cached) - number(meminfo.swap_cached);
    let mut cached = (cached >= 0.0).then_some(cached);
    let mut wired = total - (free + active + inactive + cached.unwrap_or(0.0));
    let corrected = wired < 0.0;
    if corrected {
        // The cache is within what is active and inactive: it is taken out of both.
        let taken = total - free;
        let paged = active + inactive;
        let fits = if paged > taken { taken / paged } else { 1.0 };
        let within = cached.unwrap_or(0.0).min(paged * fits);
        let rest = if paged > 0.0 { (paged * fits - within) / paged } else { 0.0 };
        (active, inactive) = (active * rest, inactive * rest);
        wired = (taken - within - active - inactive).max(0.0);
        cached = cached.map(|_| within);
    }
    let swap = number(meminfo.swap_total) - number(meminfo.swap_free);
    let all = [
        ('f', Some(free)),
        ('w', Some(wired)),
        ('a', Some(active)),
        ('i', Some(inactive)),
        ('c', cached),
        ('x', options.swap.then_some(swap.max(0.0))),
    ];
    let mut classes: Vec<Class> =
        all.into_iter().filter_map(|(letter, size)| Some(Class { letter, size: size? })).collect();
    let rank = |class: &Class| {
        let usual = match class.letter {
            'f' => 1,
            'w' => 2,
            'a' => 3,
            'i' => 4,
            'c' => 5,
            _ => 6,
        };
        options.order.chars().position(|c| c == class.letter).map_or(usual, |at| at + 1)
    };
    classes.sort_by_key(rank);
    Memory { classes, corrected }
}

/// How many cells each class gets: the peer's rounding where that fills the width, else shares that
/// add up to it.
pub(super) fn cells(memory: &Memory, width: usize) -> Vec<usize> {
    let Memory { classes, corrected } = memory;
    let total: f64 = classes.iter().map(|class| class.size).sum();
    if total <= 0.0 || width == 0 {
        return vec![0; classes.len()];
    }
    let share = |class: &Class| width as f64 * class.size / total;
    let rounded: Vec<usize> =
        classes.iter().map(|class| (share(class).round_ties_even() as usize).max(1)).collect();
    // One cell too few is no matter: the last class gets it when it is drawn.
    if !corrected && rounded.iter().sum::<usize>() + 1 >= width {
        return rounded;
    }
    let least = |class: &Class| usize::from(class.size > 0.0);
    let mut fair: Vec<usize> =
        classes.iter().map(|class| (share(class) as usize).max(least(class))).collect();
    let short = |fair: &[usize], at: usize| share(&classes[at]) - fair[at] as f64;
    while fair.iter().sum::<usize>() < width {
        let most_short =
            (0..fair.len()).rev().max_by(|a, b| short(&fair, *a).total_cmp(&short(&fair, *b)));
        most_short.into_iter().for_each(|at| fair[at] += 1);
    }
    while fair.iter().sum::<usize>() > width {
        // The largest class misses a cell least.
        let Some(largest) = (0..fair.len()).rev().max_by_key(|at| fair[*at]) else { break };
        if fair[largest] <= 1 {
            break;
        }
        fair[largest] -= 1;
    }
    fair
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(words: &[&str]) -> Options {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        Options::read(&words).expect("known")
    }

    #[test]
    fn classes_keep_the_order_that_is_given() {
        let some = Some(1024);
        let meminfo = Meminfo {
            total: Some(8 * 1024),
            free: some,
            active: some,
            inactive: some,
            cached: some,
            swap_total: some,
            ..Meminfo::default()
        };
        let letters = |words: &[&str]| -> String {
            memory(&meminfo, &options(words)).classes.iter().map(|class| class.letter).collect()
        };
        assert_eq!(letters(&[]), "fwaic");
        assert_eq!(letters(&["--swap"]), "fwaicx");
        assert_eq!(letters(&["--order", "xciawf", "--swap"]), "xciawf");
        // Classes of one rank keep the usual order.
        assert_eq!(letters(&["--order", "c"]), "fcwai");
        let no_cache = Meminfo { swap_cached: Some(4096), ..meminfo };
        let letters: Vec<char> =
            memory(&no_cache, &options(&[])).classes.iter().map(|class| class.letter).collect();
        assert_eq!(letters, ['f', 'w', 'a', 'i']);
    }
}
