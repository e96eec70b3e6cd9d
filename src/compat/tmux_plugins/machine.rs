//! The numbers of the names, from this machine.

use std::path::Path;
use std::time::Duration;

use rainline_segments::Host;
use rainline_segments::machine::{MemoryReader, Processors, ProcessorsReader, Times};

use super::battery::Battery;
use super::options::Options;
use super::printf::printf;
use super::wiring::first;
use super::{EVERY, LOADS, names};
use crate::compat::Call;
use crate::compat::base::counters::between;
use crate::compat::base::power::{number, word};
use crate::compat::base::usage::busy;

/// What takes a process to ask is asked each so many times.
const RARELY: u32 = 5;
/// How long a command may take.
const LIMIT: Duration = Duration::from_secs(2);

/// What is known of the machine from one line to the next.
#[derive(Default)]
pub(super) struct Machine {
    processors: ProcessorsReader,
    memory: MemoryReader,
    now: Processors,
    before: Option<Times>,
    usage: Option<f64>,
    turn: u32,
    gpu: Option<Gpu>,
}

/// Means over all GPUs.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Gpu {
    percent: f64,
    memory: f64,
    celsius: f64,
}

impl Machine {
    pub(super) fn line(&mut self, call: &Call, template: &str, options: &Options) -> String {
        let names = names();
        if template.contains("#{cpu_") {
            self.count(call);
        }
        if (template.contains("#{gpu_") || template.contains("#{gram_"))
            && self.turn.is_multiple_of(RARELY)
        {
            self.gpu = gpu(call.host);
        }
        self.turn = self.turn.wrapping_add(1);
        let battery = template.contains("#{battery_").then(|| Battery::read(call.host)).flatten();
        let mut out = String::new();
        let mut rest = template;
        while let Some((before, length)) = first(rest, &names) {
            out += &rest[..before];
            let name = &rest[before + 2..before + length - 1];
            out += &match name.starts_with("battery_") {
                true => battery.as_ref().map(|b| b.value(name, options)).unwrap_or_default(),
                false => self.load(call.host, name, options),
            };
            rest = &rest[before + length..];
        }
        out + rest
    }

    fn count(&mut self, call: &Call) {
        let Some(before) = self.before else {
            self.usage = busy(call, EVERY.as_secs());
            if call.host.counts_for_all() {
                let read = self.processors.glance(call.host, &mut self.now, LIMIT);
                self.before = read.ok().map(|()| self.now.all);
            }
            return;
        };
        if self.processors.glance(call.host, &mut self.now, LIMIT).is_ok() {
            self.usage = between(&before, &self.now.all).or(self.usage);
            self.before = Some(self.now.all);
        }
    }

    fn load(&mut self, host: &Host, name: &str, options: &Options) -> String {
        // The longest first: `cpu_temp_icon` is not of `cpu`.
        let load = LOADS
            .iter()
            .filter(|load| {
                name.strip_prefix(**load).is_some_and(|end| end.is_empty() || end.starts_with('_'))
            })
            .max_by_key(|load| load.len());
        let Some(load) = load else { return String::new() };
        let what = name[load.len()..].trim_start_matches('_');
        let value = match *load {
            "cpu" => self.usage.map(|share| 100.0 * share),
            "ram" => ram(&mut self.memory, host),
            "cpu_temp" => cpu_celsius(host),
            "gpu" => self.gpu.map(|gpu| gpu.percent),
            "gram" => self.gpu.map(|gpu| gpu.memory),
            _ => self.gpu.map(|gpu| gpu.celsius),
        };
        let Some(value) = value else {
            let is_gpu = load.starts_with('g') && matches!(what, "percentage" | "");
            return if is_gpu { "No GPU".into() } else { String::new() };
        };
        let unit = options.get(&format!("{load}_unit"));
        let (value, usual) = match (unit, load.ends_with("temp")) {
            ("F", true) => (value * 1.8 + 32.0, [176.0, 194.0]),
            (_, true) => (value, [80.0, 90.0]),
            (_, false) => (value, [30.0, 80.0]),
        };
        let format = if unit.is_empty() { "percentage_format" } else { "format" };
        let shown = printf(options.get(&format!("{load}_{format}")), value);
        match what {
            "percentage" | "" => shown + unit,
            of => {
                // As the peer: what is shown is judged, and the GPU's temperature by the
                // processors' thresholds.
                let number = |c: char| c.is_ascii_digit();
                let value = shown.trim_matches(|c| !number(c)).parse().unwrap_or(value);
                let judge = if *load == "gpu_temp" { "cpu_temp" } else { load };
                let [medium, high] = usual;
                let level = match value {
                    v if v >= options.number(&format!("{judge}_high_thresh"), high) => "high",
                    v if v >= options.number(&format!("{judge}_medium_thresh"), medium) => "medium",
                    _ => "low",
                };
                options.get(&format!("{load}_{level}_{of}")).to_owned()
            }
        }
    }
}

/// Used memory in percent: what is not available.
fn ram(door: &mut MemoryReader, host: &Host) -> Option<f64> {
    let meminfo = door.read(host).ok()?;
    let total = meminfo.total.filter(|total| *total > 0)?;
    let given_back = || {
        let parts = [meminfo.free, meminfo.buffers, meminfo.cached, meminfo.reclaimable];
        parts.iter().flatten().fold(0_u64, |sum, part| sum.saturating_add(*part))
    };
    let available = meminfo.available.unwrap_or_else(given_back).min(total);
    Some(100.0 * (total - available) as f64 / total as f64)
}

/// The mean temperature of the cores, or of the groups of them that have a sensor.
fn cpu_celsius(host: &Host) -> Option<f64> {
    let chips = host.list("/sys/class/hwmon").ok()?;
    let mut all = Vec::new();
    for chip in chips {
        let dir = Path::new("/sys/class/hwmon").join(&chip.name);
        for file in host.list(&dir).unwrap_or_default() {
            let Some(name) = file.name.to_str().and_then(|name| name.strip_suffix("_label")) else {
                continue;
            };
            let label = word(host, dir.join(&file.name)).unwrap_or_default();
            if label.starts_with("Core ") || label.starts_with("Tccd") {
                all.extend(number(host, dir.join(format!("{name}_input"))));
            }
        }
    }
    (!all.is_empty()).then(|| all.iter().sum::<f64>() / all.len() as f64 / 1000.0)
}

fn gpu(host: &Host) -> Option<Gpu> {
    const COMMAND: [&str; 3] = [
        "nvidia-smi",
        "--query-gpu=utilization.gpu,memory.used,memory.total,temperature.gpu",
        "--format=csv,noheader,nounits",
    ];
    let printed = host.run(&COMMAND, LIMIT).ok()??;
    gpus(&String::from_utf8_lossy(&printed))
}

fn gpus(text: &str) -> Option<Gpu> {
    let rows: Vec<[f64; 4]> = text
        .lines()
        .filter_map(|line| {
            let numbers: Vec<f64> =
                line.split(',').map(|cell| cell.trim().parse().unwrap_or(0.0)).collect();
            numbers.try_into().ok()
        })
        .collect();
    let sum = |at: usize| rows.iter().map(|row| row[at]).sum::<f64>();
    let count = rows.len() as f64;
    (count > 0.0).then(|| Gpu {
        percent: sum(0) / count,
        memory: if sum(2) > 0.0 { 100.0 * sum(1) / sum(2) } else { 0.0 },
        celsius: sum(3) / count,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a name is at a number, with these options said.
    fn at(number: f64, name: &str, said: &[(&str, &str)]) -> String {
        let gpu = Gpu { percent: number, memory: number, celsius: number };
        let mut machine =
            Machine { gpu: Some(gpu), usage: Some(number / 100.0), ..Machine::default() };
        let said = said.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        machine.load(&Host::rooted("/nowhere"), name, &Options::with(said))
    }

    #[test]
    fn what_is_shown_is_judged() {
        for (number, icon) in
            [(29.94, "="), (29.96, "≡"), (30.0, "≡"), (79.94, "≡"), (79.96, "≣"), (100.0, "≣")]
        {
            for load in ["cpu", "gpu", "gram"] {
                assert_eq!(at(number, &format!("{load}_icon"), &[]), icon, "{number}");
            }
        }
        let own = [("cpu_medium_thresh", "10"), ("cpu_high_thresh", "12.5")];
        assert_eq!(at(12.4, "cpu_bg_color", &own), "#[bg=yellow]");
        assert_eq!(at(12.5, "cpu_fg_color", &own), "#[fg=red]");
        assert_eq!(at(12.5, "gpu_fg_color", &own), "#[fg=green]");
        let odd = [("cpu_percentage_format", "CPU ! %d")];
        assert_eq!(at(80.0, "cpu_icon", &odd), "≣");
        assert_eq!(at(80.9, "cpu_percentage", &odd), "CPU ! 80");
    }

    #[test]
    fn temperatures_are_judged_in_their_own_unit() {
        assert_eq!(
            (at(79.6, "gpu_temp", &[]), at(79.6, "gpu_temp_icon", &[])),
            ("80C".into(), "≡".into())
        );
        assert_eq!(
            (at(79.4, "gpu_temp_icon", &[]), at(90.0, "gpu_temp_icon", &[])),
            ("=".into(), "≣".into())
        );
        let f = ("gpu_temp_unit", "F");
        assert_eq!(
            (at(50.0, "gpu_temp", &[f]), at(50.0, "gpu_temp_icon", &[f])),
            ("122F".into(), "=".into())
        );
        assert_eq!(
            (at(80.0, "gpu_temp_icon", &[f]), at(90.0, "gpu_temp_icon", &[f])),
            ("≡".into(), "≣".into())
        );
        assert_eq!(at(50.0, "gpu_temp_icon", &[f, ("cpu_temp_high_thresh", "120")]), "≣");
    }

    #[test]
    fn gpus_are_one() {
        let all = gpus("10, 1000, 4000, 50\n30, 3000, 4000, 70\n").expect("two");
        assert_eq!(all, Gpu { percent: 20.0, memory: 50.0, celsius: 60.0 });
        assert_eq!(gpus("no devices\n"), None);
    }
}
