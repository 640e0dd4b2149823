//! Where the memory is, measured rather than guessed.

use std::path::{Component, Path};

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
    pub(super) fn of(snapshot: &Snapshot) -> Self {
        let segments = snapshot.parts.iter().map(|p| p.segment.bytes()).sum::<usize>();
        let all = snapshot.parts.iter().map(Part::bytes).sum::<usize>() + snapshot.recent.bytes();
        Self {
            segments,
            segment_count: snapshot.parts.len(),
            rows_in_full: all - segments,
            tables: snapshot.table_bytes(),
            budget: snapshot.tally.budget,
            resident: resident(),
        }
    }

    /// What rows and tables hold. What is counted of them beside (activity, counters, late receptions) is little and not
    /// in it.
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

/// Memory this process may have, bytes: the least of the machine's and of the limits of its control group and of those
/// above it; `None` where nothing is told.
pub fn available_memory() -> Option<usize> {
    let machine = std::fs::read_to_string("/proc/meminfo").ok().and_then(|text| {
        let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
        line.trim().strip_suffix("kB")?.trim().parse::<usize>().ok()?.checked_mul(1024)
    });
    let groups = std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    group_limit(Path::new("/sys/fs/cgroup"), &groups).into_iter().chain(machine).min()
}

/// The least limit on memory of the control groups that `/proc/self/cgroup` names, and of all above them.
fn group_limit(root: &Path, groups: &str) -> Option<usize> {
    // Lines are `number:controllers:path`; version 2 has no controllers. Seen from a container the path may be one of
    // the host, which is not there: then the root, which is the container's own, tells.
    let path_of = |controller: &str| {
        let mut lines = groups.lines().map(|line| line.splitn(3, ':').skip(1));
        lines.find_map(|mut line| {
            let of = line.next()?.split(',').any(|one| one == controller);
            line.next().filter(|_| of)
        })
    };
    let least = |root: &Path, path: Option<&str>, file: &str| {
        let path = Path::new(path.unwrap_or_default().trim_start_matches('/'));
        // One that leads out of the root says nothing about what is inside.
        let is_inside = path.components().all(|part| matches!(part, Component::Normal(_)));
        let path = if is_inside { path } else { Path::new("") };
        let limit = |group: &Path| {
            // Without a limit it says "max".
            std::fs::read_to_string(root.join(group).join(file)).ok()?.trim().parse::<usize>().ok()
        };
        path.ancestors().filter_map(limit).min()
    };
    let second = least(root, path_of(""), "memory.max");
    let first = least(&root.join("memory"), path_of("memory"), "memory.limit_in_bytes");
    second.into_iter().chain(first).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_limit_of_the_group_and_those_above_counts() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        let put = |path: &str, text: &str| {
            let path = root.join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        assert_eq!(group_limit(root, "0::/system.slice/corescope.service\n"), None);
        put("system.slice/corescope.service/memory.max", "1000\n");
        put("system.slice/memory.max", "max\n");
        put("other.slice/memory.max", "7\n");
        assert_eq!(group_limit(root, "0::/system.slice/corescope.service\n"), Some(1000));
        assert_eq!(group_limit(root, "0::/system.slice/corescope.service/inner\n"), Some(1000));
        put("system.slice/memory.max", "800");
        assert_eq!(group_limit(root, "0::/system.slice/corescope.service\n"), Some(800));
        // In a container: the limit lies at the root, whatever path the host has for it.
        put("memory.max", "500");
        for groups in ["0::/\n", "0::/../../x\n", "0::/docker/abc\n", ""] {
            assert_eq!(group_limit(root, groups), Some(500), "{groups}");
        }
    }

    #[test]
    fn limits_of_the_first_version_are_read_too() {
        let dir = tempfile::tempdir().unwrap();
        let group = dir.path().join("memory/user/me");
        std::fs::create_dir_all(&group).unwrap();
        std::fs::write(group.join("memory.limit_in_bytes"), "300\n").unwrap();
        std::fs::write(dir.path().join("memory/memory.limit_in_bytes"), "9223372036854771712\n").unwrap();
        let groups = "11:cpu,cpuacct:/other\n9:memory:/user/me\n1:name=systemd:/x\n0::/x\n";
        assert_eq!(group_limit(dir.path(), groups), Some(300));
    }
}
