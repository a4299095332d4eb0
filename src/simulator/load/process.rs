//! What a process costs, as Linux tells it under `/proc`: CPU time and memory.
//!
//! proc(5): `/proc/PID/stat` gives CPU time in ticks of 10 ms; `/proc/PID/task/TID/schedstat`, where the kernel has it,
//! gives nanoseconds for each thread that still lives.

use std::fs;
use std::io;
use std::time::Duration;

/// USER_HZ, which is 100 on every architecture that Linux and Rust share.
const TICKS_PER_SECOND: u64 = 100;

/// Resident memory in kibibytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Memory {
    /// Now (VmRSS).
    pub(super) resident: u64,
    /// The most since the process began (VmHWM).
    pub(super) peak: u64,
}

/// CPU time by both ways of counting; a difference of two readings is what counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct CpuTime {
    ticks: Duration,
    nanoseconds: Option<Duration>,
}

impl CpuTime {
    /// What was used since `before`: by the finer counter, unless threads have taken their share of it with them.
    pub(super) fn since(self, before: CpuTime) -> Duration {
        let coarse = self.ticks.saturating_sub(before.ticks);
        let fine = self.nanoseconds.zip(before.nanoseconds).map(|(now, then)| now.saturating_sub(then));
        // Two counters of 10 ms can differ from the truth by two ticks of user and two of system time.
        let tolerance = Duration::from_millis(40) + coarse / 20;
        fine.filter(|fine| *fine + tolerance >= coarse).unwrap_or(coarse)
    }
}

/// The CPU time of a process so far.
///
/// # Errors
///
/// If there is no such process, or no `/proc`.
pub(super) fn cpu_time(pid: u32) -> io::Result<CpuTime> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let ticks = parse_stat(&stat).ok_or(io::ErrorKind::InvalidData)?;
    Ok(CpuTime { ticks, nanoseconds: scheduled(&format!("/proc/{pid}/task")).ok().flatten() })
}

/// The CPU time of the calling thread so far, where the kernel tells it.
pub(super) fn own_thread() -> Option<Duration> {
    parse_schedstat(&fs::read_to_string("/proc/thread-self/schedstat").ok()?)
}

/// The memory of a process.
///
/// # Errors
///
/// If there is no such process, or no `/proc`.
pub(super) fn memory(pid: u32) -> io::Result<Memory> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let field = |name| parse_status(&status, name).ok_or(io::Error::from(io::ErrorKind::InvalidData));
    Ok(Memory { resident: field("VmRSS:")?, peak: field("VmHWM:")? })
}

fn scheduled(folder: &str) -> io::Result<Option<Duration>> {
    let mut sum = Duration::ZERO;
    for thread in fs::read_dir(folder)? {
        let Ok(text) = fs::read_to_string(thread?.path().join("schedstat")) else { return Ok(None) };
        match parse_schedstat(&text) {
            Some(time) => sum += time,
            None => return Ok(None),
        }
    }
    Ok(Some(sum))
}

/// Fields 14 and 15, counted behind the name in parentheses, which may hold blanks and parentheses itself.
fn parse_stat(stat: &str) -> Option<Duration> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_ascii_whitespace().skip(11);
    let mut next = || fields.next()?.parse::<u64>().ok();
    let ticks = next()? + next()?;
    Some(Duration::from_millis(ticks * 1000 / TICKS_PER_SECOND))
}

fn parse_schedstat(text: &str) -> Option<Duration> {
    text.split_ascii_whitespace().next()?.parse().ok().map(Duration::from_nanos)
}

fn parse_status(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{CpuTime, cpu_time, memory, parse_schedstat, parse_stat, parse_status};

    #[test]
    fn the_files_of_proc_are_understood() {
        let stat = "42 (a) b) S 1 42 42 0 -1 4194560 100 0 0 0 250 31 0 0 20 0 1 0 100 1000 100";
        assert_eq!(parse_stat(stat), Some(Duration::from_millis(2810)));
        assert_eq!(parse_stat("42 (x) S 1"), None);
        assert_eq!(parse_schedstat("1500 7 3\n"), Some(Duration::from_nanos(1500)));
        assert_eq!(parse_status("VmHWM:\t  900 kB\nVmRSS:\t  880 kB\n", "VmRSS:"), Some(880));
    }

    #[test]
    fn the_finer_counter_counts_unless_threads_have_gone() {
        let time = |ticks, nanoseconds| CpuTime {
            ticks: Duration::from_millis(ticks),
            nanoseconds: Some(Duration::from_millis(nanoseconds)),
        };
        assert_eq!(time(1010, 1003).since(time(0, 0)), Duration::from_millis(1003));
        assert_eq!(time(1010, 400).since(time(0, 100)), Duration::from_millis(1010));
    }

    #[test]
    fn this_process_can_be_read() {
        let own = std::process::id();
        assert!(cpu_time(own).is_ok());
        let memory = memory(own).unwrap();
        assert!(memory.resident > 0 && memory.peak >= memory.resident);
    }
}
