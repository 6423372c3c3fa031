//! The real binary in front of a real authoritative server, asked by real clients. A test that cannot run fails.
#![cfg(test)]

mod access;
mod check;
mod clients;
mod config_check;
mod dns64;
mod dnssec;
mod encrypted;
mod events;
mod faults;
mod hickory;
mod https;
mod idle;
mod limits;
mod names;
mod others;
mod protect;
mod reload;
mod seen;
mod serve;
mod start;
mod status;
mod stop;
mod support;
mod upstreams;
mod verdicts;
