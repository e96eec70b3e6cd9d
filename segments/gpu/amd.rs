//! Cards of the driver amdgpu, from the files that it documents
//! (Documentation/gpu/amdgpu/thermal.rst and driver-misc.rst).

use super::{Card, Device, memory, percent, sane};
use crate::machine::Machine;

/// The values in the card's own directory and in that of its sensors.
pub(super) fn read(machine: &Machine, device: &Device, card: Card) -> Card {
    let dir = device.dir.join("device");
    let number = |name: &str| machine.number(dir.join(name)).map(|value| value as f64);
    let sensors = machine.numbered(dir.join("hwmon"), "hwmon").into_iter().next();
    let sensor = |name: &str, scale: f64| {
        let (_, dir) = sensors.as_ref()?;
        machine.number(dir.join(name)).map(|value| value as f64 / scale)
    };
    let name = machine.word(dir.join("product_name")).unwrap_or_else(|| card.name.clone());
    Card {
        name,
        usage: machine.number(dir.join("gpu_busy_percent")).and_then(percent),
        memory: memory(number("mem_info_vram_used"), number("mem_info_vram_total")),
        temperature: sane(sensor("temp1_input", 1e3)),
        // Newer cards report only the current power.
        power: sane(sensor("power1_average", 1e6).or_else(|| sensor("power1_input", 1e6))),
        clock: sensor("freq1_input", 1.0).filter(|hz| *hz > 0.0).map(|hz| (hz, None)),
        ..card
    }
}
