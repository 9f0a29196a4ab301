//! The measuring core: agreement, overlap, surface, detection, consensus, drift, sampling, time-to-event.
