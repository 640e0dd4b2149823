//! Where the memory is, measured rather than guessed.

use super::part::Part;
use super::snapshot::Snapshot;

/// Bytes by what holds them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MemoryUse {
    /// Packed segments: columns, dictionaries, posting lists, arenas.
    pub segments: usize,
    /// Number of segments.
    pub segment_count: usize,
    /// Rows in full: the newest, and those that changed after they were packed.
    pub rows_in_full: usize,
    /// Nodes, observers and the neighbour graph.
    pub tables: usize,
    /// The ceiling for segments and rows in full.
    pub budget: Option<usize>,
    /// Resident memory of the process, as the kernel counts it; `None` where it does not tell.
    pub resident: Option<usize>,
}

impl MemoryUse {
    pub(super) fn of(snapshot: &Snapshot, budget: Option<usize>) -> Self {
        let segments = snapshot.parts.iter().map(|p| p.segment.bytes()).sum::<usize>();
        let all = snapshot.parts.iter().map(Part::bytes).sum::<usize>() + snapshot.recent.bytes();
        Self {
            segments,
            segment_count: snapshot.parts.len(),
            rows_in_full: all - segments,
            tables: snapshot.table_bytes(),
            budget,
            resident: resident(),
        }
    }

    /// What the store holds, all in.
    pub fn total(&self) -> usize {
        self.segments + self.rows_in_full + self.tables
    }
}

/// Resident bytes of this process, from `/proc/self/status`.
fn resident() -> Option<usize> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: usize = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

/// Memory this process may have, bytes: the container's limit or the machine's, whichever is less; `None` where
/// neither is told.
pub fn available_memory() -> Option<usize> {
    let read = |path: &str| std::fs::read_to_string(path).ok();
    let limits = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"];
    // Without a limit it says "max".
    let container = limits.into_iter().filter_map(read).find_map(|text| text.trim().parse::<usize>().ok());
    let machine = read("/proc/meminfo").and_then(|text| {
        let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
        line.trim().strip_suffix("kB")?.trim().parse::<usize>().ok()?.checked_mul(1024)
    });
    container.into_iter().chain(machine).min()
}
