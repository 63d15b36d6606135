//! What the system knows of this process, under the names that Prometheus' own clients use. Only
//! Linux tells; elsewhere there is nothing to see.

use prometheus::proto::MetricFamily;

/// The metrics of the process. What the system does not tell is left out.
#[cfg(target_os = "linux")]
pub(super) fn families() -> Vec<MetricFamily> {
    use super::exposition::{single, single_counter};
    use procfs::process::{LimitValue, Process};

    let Ok(process) = Process::myself() else {
        return Vec::new();
    };
    let mut families = Vec::new();
    if let Ok(stat) = process.stat() {
        let per_second = procfs::ticks_per_second() as f64;
        families.push(single_counter(
            "process_cpu_seconds_total",
            "Processor time, in the program and in the system for it.",
            (stat.utime + stat.stime) as f64 / per_second,
        ));
        families.push(single(
            "process_resident_memory_bytes",
            "Memory that is in RAM.",
            (stat.rss * procfs::page_size()) as f64,
        ));
        families.push(single(
            "process_virtual_memory_bytes",
            "Address space; pools of instances reserve much of it.",
            stat.vsize as f64,
        ));
        families.push(single(
            "process_threads",
            "Threads.",
            stat.num_threads as f64,
        ));
        if let Ok(boot) = procfs::boot_time_secs() {
            families.push(single(
                "process_start_time_seconds",
                "When the process began, in seconds since 1970.",
                boot as f64 + stat.starttime as f64 / per_second,
            ));
        }
    }
    if let Ok(open) = process.fd_count() {
        families.push(single(
            "process_open_fds",
            "Files, sockets and the like that are open.",
            open as f64,
        ));
    }
    if let Ok(limits) = process.limits() {
        let most = match limits.max_open_files.soft_limit {
            LimitValue::Value(most) => most as f64,
            LimitValue::Unlimited => f64::INFINITY,
        };
        families.push(single("process_max_fds", "How many may be open.", most));
    }
    families
}

#[cfg(not(target_os = "linux"))]
pub(super) fn families() -> Vec<MetricFamily> {
    Vec::new()
}

/// The most memory that has ever been in RAM, in bytes.
#[cfg(target_os = "linux")]
pub(super) fn peak_memory() -> Option<u64> {
    let status = procfs::process::Process::myself().ok()?.status().ok()?;
    Some(status.vmhwm? * 1024)
}

#[cfg(not(target_os = "linux"))]
pub(super) fn peak_memory() -> Option<u64> {
    None
}
