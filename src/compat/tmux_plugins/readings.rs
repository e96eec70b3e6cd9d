//! What the names stand for, read from the machine.

use std::time::Duration;

use rainline_segments::Machine;
use rainline_segments::machine::{MemoryReader, Processors, ProcessorsReader, Sensor, Times};

use super::battery::Battery;
use super::options::Options;
use super::printf::printf;
use super::wiring::first;
use super::{EVERY, LOADS, names};
use crate::compat::base::peer::Call;
use crate::compat::base::usage::{between, busy};

/// A command is run for one of so many lines.
const COMMAND_EVERY: u32 = 5;
/// How long a command may take.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(2);

/// What is known of the machine from one line to the next.
#[derive(Default)]
pub(super) struct Readings {
    processors: ProcessorsReader,
    memory: MemoryReader,
    /// As [`cores`] found them.
    cores: Vec<Sensor>,
    counters: Processors,
    /// The counters of the last line.
    before: Option<Times>,
    /// The busy share.
    usage: Option<f64>,
    lines: u32,
    gpu: Option<Gpu>,
}

/// Means over all GPUs.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Gpu {
    percent: f64,
    memory: f64,
    celsius: f64,
}

impl Readings {
    pub(super) fn line(&mut self, call: &Call, template: &str, options: &Options) -> String {
        let names = names();
        if template.contains("#{cpu_") {
            self.read_usage(call);
        }
        if (template.contains("#{gpu_") || template.contains("#{gram_"))
            && self.lines.is_multiple_of(COMMAND_EVERY)
        {
            self.gpu = gpu(call.machine);
        }
        self.lines = self.lines.wrapping_add(1);
        let battery =
            template.contains("#{battery_").then(|| Battery::read(call.machine)).flatten();
        let mut out = String::new();
        let mut rest = template;
        while let Some((before, length)) = first(rest, &names) {
            out += &rest[..before];
            let name = &rest[before + 2..before + length - 1];
            out += &match name.starts_with("battery_") {
                true => battery.as_ref().map(|b| b.value(name, options)).unwrap_or_default(),
                false => self.load(call.machine, name, options),
            };
            rest = &rest[before + length..];
        }
        out + rest
    }

    fn read_usage(&mut self, call: &Call) {
        let share = match self.before {
            None => busy(call, EVERY.as_secs()),
            Some(_) => None,
        };
        let read = self.processors.read(call.machine, &mut self.counters);
        let now = read.ok().map(|()| self.counters.all);
        let grown = || between(&self.before?, &now?);
        self.usage = share.or_else(grown).or(self.usage);
        self.before = now.or(self.before);
    }

    /// The mean of the cores.
    fn cpu_celsius(&mut self, machine: &Machine) -> Option<f64> {
        if self.cores.is_empty() {
            self.cores = cores(machine);
        }
        let read = self.cores.iter_mut().filter_map(|core| core.read(machine));
        let all: Vec<f64> = read.collect();
        if all.len() < self.cores.len() {
            // One is gone: they are found anew next time.
            self.cores.clear();
        }
        (!all.is_empty()).then(|| all.iter().sum::<f64>() / all.len() as f64)
    }

    fn load(&mut self, machine: &Machine, name: &str, options: &Options) -> String {
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
            "ram" => ram(&mut self.memory, machine),
            "cpu_temp" => self.cpu_celsius(machine),
            "gpu" => self.gpu.map(|gpu| gpu.percent),
            "gram" => self.gpu.map(|gpu| gpu.memory),
            _ => self.gpu.map(|gpu| gpu.celsius),
        };
        let Some(value) = value else {
            let is_gpu = load.starts_with('g') && matches!(what, "percentage" | "");
            return if is_gpu { "No GPU".into() } else { String::new() };
        };
        let unit = options.get(&format!("{load}_unit"));
        let (value, default) = match (unit, load.ends_with("temp")) {
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
                let [medium, high] = default;
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
fn ram(reader: &mut MemoryReader, machine: &Machine) -> Option<f64> {
    let meminfo = reader.read(machine).ok()?;
    let total = meminfo.total.filter(|total| *total > 0)?;
    let reclaimable = || {
        let parts = [meminfo.free, meminfo.buffers, meminfo.cached, meminfo.reclaimable];
        parts.iter().flatten().fold(0_u64, |sum, part| sum.saturating_add(*part))
    };
    let available = meminfo.available.unwrap_or_else(reclaimable).min(total);
    Some(100.0 * (total - available) as f64 / total as f64)
}

/// The sensors of the processors' cores, or of the groups of them that have one.
fn cores(machine: &Machine) -> Vec<Sensor> {
    let mut sensors = machine.temperatures();
    sensors.retain(|sensor| sensor.label.starts_with("Core ") || sensor.label.starts_with("Tccd"));
    sensors
}

fn gpu(machine: &Machine) -> Option<Gpu> {
    const COMMAND: [&str; 3] = [
        "nvidia-smi",
        "--query-gpu=utilization.gpu,memory.used,memory.total,temperature.gpu",
        "--format=csv,noheader,nounits",
    ];
    let printed = machine.run(&COMMAND, COMMAND_TIMEOUT).ok()??;
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

    /// What a name stands for at a number, with these options given.
    fn at(number: f64, name: &str, set: &[(&str, &str)]) -> String {
        let gpu = Gpu { percent: number, memory: number, celsius: number };
        let usage = Some(number / 100.0);
        let mut readings = Readings { gpu: Some(gpu), usage, ..Readings::default() };
        let set = set.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        readings.load(&Machine::rooted("/proc/self/missing"), name, &Options::with(set))
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
    fn the_processors_temperature_is_the_mean_of_the_cores() {
        let dir = tempfile::tempdir().expect("a directory");
        let chip = dir.path().join("sys/class/hwmon/hwmon0");
        std::fs::create_dir_all(&chip).expect("a directory");
        let write =
            |file: &str, text: &str| std::fs::write(chip.join(file), text).expect("written");
        write("name", "coretemp\n");
        for (number, label, celsius) in
            [(1, "Package id 0", 90), (2, "Core 0", 40), (3, "Core 1", 51)]
        {
            write(&format!("temp{number}_label"), &format!("{label}\n"));
            write(&format!("temp{number}_input"), &format!("{celsius}000\n"));
        }
        let machine = Machine::rooted(dir.path());
        let options = Options::with([("cpu_temp_format".to_owned(), "%.1f".to_owned())]);
        assert_eq!(Readings::default().load(&machine, "cpu_temp", &options), "45.5C");
    }

    #[test]
    fn gpus_are_one() {
        let all = gpus("10, 1000, 4000, 50\n30, 3000, 4000, 70\n").expect("two");
        assert_eq!(all, Gpu { percent: 20.0, memory: 50.0, celsius: 60.0 });
        assert_eq!(gpus("no devices\n"), None);
    }
}
