//! How large the workload of a complete search is.

use std::fmt;

use crate::{DeliveryModel, History, machine::chooser::MOST_PROCESSES};

/// How large the workload of a complete search is: so many messages, each in so many copies, dealt round-robin to so many
/// processes ([`DeliveryModel::dealt`]), of which so many may crash in the middle of a handler.
///
/// ```
/// use redeliver_harness::Bounds;
///
/// let bounds = Bounds::default().messages(3).processes(3);
/// assert_eq!(bounds.to_string(), "3 messages × 2 copies × 3 processes × 1 crash");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Bounds {
    pub(crate) messages: usize,
    pub(crate) copies: usize,
    pub(crate) processes: usize,
    pub(crate) crashes: usize,
    pub(crate) executions: u64,
}

impl Default for Bounds {
    /// Two messages, each twice, two processes, one crash, and at most a million executions.
    fn default() -> Self {
        Self { messages: 2, copies: 2, processes: 2, crashes: 1, executions: 1_000_000 }
    }
}

impl Bounds {
    /// So many messages: 1 to 5.
    #[must_use]
    pub fn messages(mut self, messages: usize) -> Self {
        self.messages = messages.clamp(1, 5);
        self
    }

    /// So many copies of each: 1 to 4.
    #[must_use]
    pub fn copies(mut self, copies: usize) -> Self {
        self.copies = copies.clamp(1, 4);
        self
    }

    /// So many processes: 1 to 8.
    #[must_use]
    pub fn processes(mut self, processes: usize) -> Self {
        self.processes = processes.clamp(1, MOST_PROCESSES);
        self
    }

    /// At most so many crashes in one execution, each between the first step of a handler and its last, of which the
    /// acknowledgement is one. A crash before the first step, or after the last, changes nothing that a handler can know.
    #[must_use]
    pub fn crashes(mut self, crashes: usize) -> Self {
        self.crashes = crashes;
        self
    }

    /// After so many executions it is given up, and the verdict is inconclusive; a million by default.
    #[must_use]
    pub fn executions(mut self, executions: u64) -> Self {
        self.executions = executions.max(1);
        self
    }

    /// The model that deals so many copies.
    pub(crate) fn model(&self) -> DeliveryModel {
        DeliveryModel::dealt(self.copies)
    }

    /// A history of these messages within the bounds, without a fault.
    pub(crate) fn history(&self, messages: Vec<crate::history::Published>) -> History {
        History { model: self.model(), processes: self.processes, messages, faults: Vec::new() }
    }
}

impl fmt::Display for Bounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counted = |count: usize, one: &str, many: &str| format!("{count} {}", if count == 1 { one } else { many });
        let parts = [
            counted(self.messages, "message", "messages"),
            counted(self.copies, "copy", "copies"),
            counted(self.processes, "process", "processes"),
            counted(self.crashes, "crash", "crashes"),
        ];
        f.write_str(&parts.join(" × "))
    }
}
