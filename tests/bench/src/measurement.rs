//! What was measured, before anything is concluded from it.

use serde::Serialize;

/// One server under one kind of load: a row of the raw table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Cell {
    /// The part of the run: cells of one stage were measured in turn, round by round.
    pub stage: &'static str,
    /// The server's name.
    pub server: &'static str,
    /// The route's name.
    pub route: &'static str,
    /// Connections, each with one request at a time.
    pub connections: u32,
}

/// The samples of a cell, one for each round.
#[derive(Debug, Clone, Serialize)]
pub struct Measurement {
    /// What was measured.
    pub cell: Cell,
    /// Requests in a second.
    pub per_second: Vec<f64>,
    /// Median latency, in microseconds.
    pub p50_us: Vec<f64>,
    /// The 99th percentile of latency, in microseconds.
    pub p99_us: Vec<f64>,
    /// Processor time of the server for one request, user and kernel, in microseconds.
    pub processor_us: Vec<f64>,
}

/// One run of the load generator.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    /// Requests in a second.
    pub per_second: f64,
    /// Median latency, in microseconds.
    pub p50_us: f64,
    /// The 99th percentile of latency, in microseconds.
    pub p99_us: f64,
    /// Processor time of the server for one request, in microseconds.
    pub processor_us: f64,
}

impl Measurement {
    fn add(&mut self, sample: Sample) {
        self.per_second.push(sample.per_second);
        self.p50_us.push(sample.p50_us);
        self.p99_us.push(sample.p99_us);
        self.processor_us.push(sample.processor_us);
    }
}

/// How long starts of one server took.
#[derive(Debug, Clone, Serialize)]
pub struct Starts {
    /// The server's name.
    pub server: &'static str,
    /// What it found: `cold` or `warm` compile cache.
    pub cache: &'static str,
    /// What it found: a `seeded` or an `empty` store.
    pub store: &'static str,
    /// From the start of the process to its first 200, in milliseconds.
    pub millis: Vec<f64>,
}

impl Starts {
    fn is_like(&self, other: &Starts) -> bool {
        self.server == other.server && self.cache == other.cache && self.store == other.store
    }
}

/// Resident memory in the course of a load.
#[derive(Debug, Clone, Serialize)]
pub struct MemoryCourse {
    /// The server's name.
    pub server: &'static str,
    /// Connections.
    pub connections: u32,
    /// Requests answered so far, and resident bytes then.
    pub course: Vec<(u64, u64)>,
}

/// Memory whose second half is above its first by no more than this is flat.
const FLAT: f64 = 1.05;

impl MemoryCourse {
    /// Requests in all.
    pub fn requests(&self) -> u64 {
        self.course.last().map_or(0, |(requests, _)| *requests)
    }

    /// Resident bytes at the end.
    pub fn last_bytes(&self) -> Option<u64> {
        self.course.last().map(|(_, bytes)| *bytes)
    }

    /// Whether the greatest size in the second half is hardly above the greatest in the first
    /// half. None if that is too little to tell.
    pub fn is_flat(&self) -> Option<bool> {
        let half = self.course.len() / 2;
        let most = |part: &[(u64, u64)]| part.iter().map(|(_, bytes)| *bytes).max();
        let (before, after) = self.course.split_at(half);
        Some(most(after)? as f64 <= most(before)? as f64 * FLAT)
    }
}

/// What could not be measured, and why.
#[derive(Debug, Clone, Serialize)]
pub struct Absent {
    /// The server's name.
    pub server: &'static str,
    /// Why it took no part.
    pub why: String,
}

/// Everything that was measured in one run.
#[derive(Debug, Default, Serialize)]
pub struct Measured {
    /// Cells, in the order in which they were first measured.
    pub cells: Vec<Measurement>,
    /// Starts.
    pub starts: Vec<Starts>,
    /// Memory.
    pub memory: Vec<MemoryCourse>,
    /// What took no part.
    pub absent: Vec<Absent>,
}

impl Measured {
    /// The measurement of a cell.
    pub fn of(&self, cell: Cell) -> Option<&Measurement> {
        self.cells.iter().find(|measured| measured.cell == cell)
    }

    /// Adds one sample of a cell.
    pub fn add(&mut self, cell: Cell, sample: Sample) {
        if let Some(known) = self.cells.iter_mut().find(|known| known.cell == cell) {
            known.add(sample);
            return;
        }
        let mut first = Measurement {
            cell,
            per_second: Vec::new(),
            p50_us: Vec::new(),
            p99_us: Vec::new(),
            processor_us: Vec::new(),
        };
        first.add(sample);
        self.cells.push(first);
    }

    /// Adds one start like `starts`, of which only the number of milliseconds differs.
    pub fn add_start(&mut self, starts: Starts, millis: f64) {
        let known = self.starts.iter_mut().find(|known| known.is_like(&starts));
        match known {
            Some(known) => known.millis.push(millis),
            None => self.starts.push(Starts {
                millis: vec![millis],
                ..starts
            }),
        }
    }

    /// Why a server took no part.
    pub fn why_absent(&self, server: &str) -> String {
        let absent = self.absent.iter().find(|absent| absent.server == server);
        absent.map_or_else(
            || format!("{server} was not measured"),
            |absent| absent.why.clone(),
        )
    }

    /// How long a server took to start, round by round.
    pub fn starts_of(&self, server: &str, cache: &str, store: &str) -> Option<&[f64]> {
        let wanted = |starts: &&Starts| {
            starts.server == server && starts.cache == cache && starts.store == store
        };
        self.starts
            .iter()
            .find(wanted)
            .map(|starts| starts.millis.as_slice())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CELL: Cell = Cell {
        stage: "serving",
        server: "runtime-host",
        route: "pair",
        connections: 64,
    };

    fn sample(per_second: f64) -> Sample {
        Sample {
            per_second,
            p50_us: 1.0,
            p99_us: 2.0,
            processor_us: 3.0,
        }
    }

    #[test]
    fn samples_of_a_cell_come_together() {
        let mut measured = Measured::default();
        measured.add(CELL, sample(1.0));
        measured.add(CELL, sample(2.0));
        assert_eq!(measured.of(CELL).unwrap().per_second, [1.0, 2.0]);
        assert_eq!(measured.cells.len(), 1);
    }

    fn course(mib: &[u64]) -> MemoryCourse {
        let step = |(index, mib): (usize, &u64)| (index as u64 * 1000, mib << 20);
        MemoryCourse {
            server: "runtime-host",
            connections: 64,
            course: mib.iter().enumerate().map(step).collect(),
        }
    }

    #[test]
    fn memory_is_flat_if_its_second_half_is_like_its_first() {
        assert_eq!(course(&[20, 38, 40, 40, 41, 40]).is_flat(), Some(true));
        assert_eq!(course(&[20, 24, 28, 32, 36, 40]).is_flat(), Some(false));
        assert_eq!(course(&[20]).is_flat(), None);
    }
}
