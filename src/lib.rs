//! Gantry: a terminal operations console and QA auditor for radiology annotation pipelines.
//!
//! The modules are floors of one house; a module uses only lower floors (`docs/ARCHITECTURE.md`).

// Faces: no domain logic, they speak only to `engine`.
pub mod cli;
pub mod console;
pub mod daemon;

// Seam: commands, queries, events; and the tools that need no workspace.
pub mod engine;

// Line: puts the services in order.
pub mod demo;
pub mod pipeline;

// Services: each one job, over core and adapters; they do not know each other.
pub mod convert;
pub mod dataset;
pub mod deid;
pub mod qc;
pub mod report;
pub mod volume;

// Adapters: the only places with IO.
pub mod blob;
pub mod bytes;
pub mod catalog;
pub mod config;
pub mod dicom;
pub mod format;
pub mod landing;
pub mod net;
pub mod ocr;
pub mod source;

// Core: pure, deterministic, no IO, no clock.
pub mod access;
pub mod audit;
pub mod harmonise;
pub mod label;
pub mod measure;
pub mod model;
pub mod render;
pub mod seal;
pub mod series;
pub mod snapshot;
pub mod workflow;
