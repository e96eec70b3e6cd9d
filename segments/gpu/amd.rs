//! Cards of the driver amdgpu, by the files it documents (Documentation/gpu/amdgpu/thermal.rst and
//! driver-misc.rst).

use super::{Card, Place, memory, percent, sane};
use crate::machine::Machine;

/// What the card says in its own directory and in that of its sensors.
pub(super) fn read(machine: &Machine, place: &Place, card: Card) -> Card {
    let device = place.dir.join("device");
    let number = |name: &str| machine.number(device.join(name)).map(|value| value as f64);
    let sensors = machine.numbered(device.join("hwmon"), "hwmon").into_iter().next();
    let sensor = |name: &str, scale: f64| {
        let (_, dir) = sensors.as_ref()?;
        machine.number(dir.join(name)).map(|value| value as f64 / scale)
    };
    let name = machine.word(device.join("product_name")).unwrap_or_else(|| card.name.clone());
    Card {
        name,
        usage: machine.number(device.join("gpu_busy_percent")).and_then(percent),
        memory: memory(number("mem_info_vram_used"), number("mem_info_vram_total")),
        temperature: sane(sensor("temp1_input", 1e3)),
        // Newer cards have only the power of this moment.
        power: sane(sensor("power1_average", 1e6).or_else(|| sensor("power1_input", 1e6))),
        clock: sensor("freq1_input", 1.0).filter(|hz| *hz > 0.0).map(|hz| (hz, None)),
        ..card
    }
}
