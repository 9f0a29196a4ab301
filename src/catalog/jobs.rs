//! Durable jobs: leased, retried, parked with a reason. A job is known by its stage and object; asking for one that
//! is under way makes it run once more when it ends.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::{OptionalExtension, params};

use super::{CatalogError, Reader, Tx};

/// After this many failures a job is parked.
pub const MAX_ATTEMPTS: u32 = 3;
/// Seconds a failed job waits, times the square of its attempts.
const BACK_OFF_MS: i64 = 2_000;

/// A leased job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// Its row.
    pub id: i64,
    /// The stage that does it.
    pub stage: String,
    /// What it works on.
    pub object: String,
    /// Tries so far, this one included.
    pub attempts: u32,
    /// Which asking this lease answers.
    wanted: i64,
}

/// A job that waits for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parked {
    /// Its row.
    pub id: i64,
    /// The stage that does it.
    pub stage: String,
    /// What it works on.
    pub object: String,
    /// Tries so far.
    pub attempts: u32,
    /// Why it failed last.
    pub reason: String,
    /// When.
    pub at_ms: i64,
}

/// Wakes who waits for jobs to be asked for, to end or to be put off.
#[derive(Debug, Default)]
pub struct JobBell {
    rung: Mutex<u64>,
    heard: Condvar,
}

impl JobBell {
    /// How often it was rung.
    pub fn rung(&self) -> u64 {
        *self.lock()
    }

    /// Wakes everybody who waits.
    pub fn ring(&self) {
        *self.lock() += 1;
        self.heard.notify_all();
    }

    /// Waits until it was rung more often than `before`, at most for `patience`.
    pub fn wait(&self, before: u64, patience: Duration) {
        let unheard = |rung: &mut u64| *rung == before;
        drop(self.heard.wait_timeout_while(self.lock(), patience, unheard));
    }

    fn lock(&self) -> MutexGuard<'_, u64> {
        self.rung.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tx<'_> {
    /// Asks for a job, not before a time. Asking again moves the time; a parked job is tried anew.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn enqueue(
        &self,
        stage: &str,
        object: &str,
        not_before_ms: i64,
        now_ms: i64,
    ) -> Result<(), CatalogError> {
        self.jobs_change.set(true);
        self.tx
            .prepare_cached(
                "INSERT INTO job (stage, object, state, not_before_ms, changed_ms) VALUES (?1, ?2, 'pending', ?3, ?4) \
                 ON CONFLICT (stage, object) DO UPDATE SET wanted = wanted + 1, not_before_ms = ?3, changed_ms = ?4, \
                 attempts = 0, state = CASE state WHEN 'leased' THEN 'leased' ELSE 'pending' END",
            )?
            .execute(params![stage, object, not_before_ms, now_ms])?;
        Ok(())
    }

    /// Leases the job that has been ready for longest, if one is. A lease that ran out counts as ready.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn lease(&self, now_ms: i64, lease_ms: i64) -> Result<Option<Job>, CatalogError> {
        let job = self
            .tx
            .prepare_cached(
                "SELECT id, stage, object, attempts, wanted FROM job \
                 WHERE (state = 'pending' AND not_before_ms <= ?1) OR (state = 'leased' AND lease_ms < ?1) \
                 ORDER BY not_before_ms, id LIMIT 1",
            )?
            .query_row([now_ms], |row| {
                Ok(Job {
                    id: row.get(0)?,
                    stage: row.get(1)?,
                    object: row.get(2)?,
                    attempts: row.get::<_, u32>(3)? + 1,
                    wanted: row.get(4)?,
                })
            })
            .optional()?;
        if let Some(job) = &job {
            self.tx
                .prepare_cached(
                    "UPDATE job SET state = 'leased', leased = wanted, attempts = attempts + 1, lease_ms = ?2 \
                     WHERE id = ?1",
                )?
                .execute(params![job.id, now_ms + lease_ms])?;
        }
        Ok(job)
    }

    /// The job is done: it goes, or waits again where it was asked for meanwhile.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn finish(&self, job: &Job) -> Result<(), CatalogError> {
        self.jobs_change.set(true);
        self.tx
            .prepare_cached("DELETE FROM job WHERE id = ?1 AND wanted = ?2")?
            .execute(params![job.id, job.wanted])?;
        self.tx
            .prepare_cached(
                "UPDATE job SET state = 'pending', attempts = 0 WHERE id = ?1 AND state = 'leased'",
            )?
            .execute([job.id])?;
        Ok(())
    }

    /// The job failed: it waits, or is parked after [`MAX_ATTEMPTS`]. Returns whether it was parked.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn fail(&self, job: &Job, reason: &str, now_ms: i64) -> Result<bool, CatalogError> {
        self.jobs_change.set(true);
        let parked = job.attempts >= MAX_ATTEMPTS;
        let wait = BACK_OFF_MS * i64::from(job.attempts).pow(2);
        self.tx
            .prepare_cached(
                "UPDATE job SET state = ?2, reason = ?3, not_before_ms = ?4, changed_ms = ?5 WHERE id = ?1",
            )?
            .execute(params![
                job.id,
                if parked { "parked" } else { "pending" },
                reason,
                now_ms + wait,
                now_ms
            ])?;
        Ok(parked)
    }

    /// Makes parked jobs ready again; all of them when `ids` is empty. Returns how many.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn unpark(&self, ids: &[i64], now_ms: i64) -> Result<u64, CatalogError> {
        self.jobs_change.set(true);
        let mut statement = self.tx.prepare_cached(
            "UPDATE job SET state = 'pending', attempts = 0, not_before_ms = ?2 \
             WHERE state = 'parked' AND (?1 IS NULL OR id = ?1)",
        )?;
        if ids.is_empty() {
            return Ok(statement.execute(params![None::<i64>, now_ms])? as u64);
        }
        ids.iter().try_fold(0, |n, id| Ok(n + statement.execute(params![id, now_ms])? as u64))
    }

    /// Makes every waiting job ready now: nothing more will arrive.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn make_ready(&self, now_ms: i64) -> Result<(), CatalogError> {
        self.jobs_change.set(true);
        self.tx
            .prepare_cached("UPDATE job SET not_before_ms = ?1 WHERE state = 'pending' AND attempts = 0 AND not_before_ms > ?1")?
            .execute([now_ms])?;
        Ok(())
    }

    /// Leases of a process that is gone are ready at once: called at start, when the lock is held.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn release_leases(&self) -> Result<(), CatalogError> {
        self.jobs_change.set(true);
        self.tx.execute("UPDATE job SET state = 'pending' WHERE state = 'leased'", [])?;
        Ok(())
    }
}

impl Reader<'_> {
    /// Jobs that wait or run, and jobs that are parked.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn job_counts(&self) -> Result<(u64, u64), CatalogError> {
        Ok(self.connection().prepare_cached("SELECT count(*) FILTER (WHERE state <> 'parked'), count(*) FILTER (WHERE state = 'parked') FROM job")?
            .query_row([], |row| Ok((row.get::<_, i64>(0)? as u64, row.get::<_, i64>(1)? as u64)))?)
    }

    /// Series of which a stage has work to do, parked work left out.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn series_waiting(&self) -> Result<u64, CatalogError> {
        let mut count = self.connection().prepare_cached(
            "SELECT count(*) FROM (\
             SELECT object FROM job WHERE state <> 'parked' AND stage IN ('assemble', 'check', 'route') UNION \
             SELECT s.uid FROM job j JOIN series s ON s.study_uid = j.object \
             WHERE j.state <> 'parked' AND j.stage IN ('clean', 'study'))",
        )?;
        Ok(count.query_row([], |row| row.get::<_, i64>(0))? as u64)
    }

    /// Whether a job is ready at `now_ms`.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn job_ready(&self, now_ms: i64) -> Result<bool, CatalogError> {
        Ok(self
            .connection()
            .prepare_cached(
                "SELECT EXISTS (SELECT 1 FROM job WHERE (state = 'pending' AND not_before_ms <= ?1) \
                 OR (state = 'leased' AND lease_ms < ?1))",
            )?
            .query_row([now_ms], |row| row.get(0))?)
    }

    /// When the next waiting job is to be done, in milliseconds since 1970.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn job_due(&self) -> Result<Option<i64>, CatalogError> {
        let mut next =
            self.connection().prepare_cached("SELECT min(not_before_ms) FROM job WHERE state = 'pending'")?;
        Ok(next.query_row([], |row| row.get(0))?)
    }

    /// Whether a job waits for a later time that [`Tx::hurry`] would not.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn job_waits(&self, now_ms: i64) -> Result<bool, CatalogError> {
        Ok(self
            .connection()
            .prepare_cached(
                "SELECT EXISTS (SELECT 1 FROM job WHERE state = 'pending' AND attempts = 0 AND not_before_ms > ?1)",
            )?
            .query_row([now_ms], |row| row.get(0))?)
    }

    /// Jobs that wait for a person, the latest first.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn parked(&self) -> Result<Vec<Parked>, CatalogError> {
        let mut statement = self.connection().prepare_cached(
            "SELECT id, stage, object, attempts, reason, changed_ms FROM job WHERE state = 'parked' \
             ORDER BY changed_ms DESC, id LIMIT 1000",
        )?;
        let rows = statement.query_map([], |row| {
            Ok(Parked {
                id: row.get(0)?,
                stage: row.get(1)?,
                object: row.get(2)?,
                attempts: row.get(3)?,
                reason: row.get(4)?,
                at_ms: row.get(5)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn the_bell_wakes_who_waits_and_is_never_missed() {
        let bell = &JobBell::default();
        let (patience, started) = (Duration::from_secs(60), Instant::now());
        std::thread::scope(|scope| {
            let before = bell.rung();
            let waits = scope.spawn(move || bell.wait(before, patience));
            bell.ring();
            assert!(waits.join().is_ok());
        });
        // Rung between the look and the wait.
        let before = bell.rung();
        bell.ring();
        bell.wait(before, patience);
        assert!(started.elapsed() < patience);
        bell.wait(bell.rung(), Duration::from_millis(1));
    }
}
