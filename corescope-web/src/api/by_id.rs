//! Packets by id, wherever they are.

use std::collections::BTreeMap;
use std::sync::Arc;

use corescope_store::memory::{OwnedTransmission, Snapshot, Transmission};

use super::rest::unanswered;
use crate::{ApiError, App};

/// Packets of memory, and some that it lacks.
pub(crate) struct ById<'m> {
    data: &'m Snapshot,
    outside: BTreeMap<i64, Arc<OwnedTransmission>>,
}

impl<'m> ById<'m> {
    /// Reads those of these packets that memory lacks, each once. It blocks where there are any.
    ///
    /// # Errors
    ///
    /// The database did not answer.
    pub(crate) fn read(
        app: &App,
        data: &'m Snapshot,
        ids: impl IntoIterator<Item = i64>,
    ) -> Result<Self, ApiError> {
        let mut outside = BTreeMap::new();
        for id in ids {
            if data.by_id(id).is_none()
                && !outside.contains_key(&id)
                && let Some(row) = app.rest.whole.by_id(data, id).map_err(unanswered)?
            {
                outside.insert(id, row);
            }
        }
        Ok(Self { data, outside })
    }

    /// A packet of memory, or one of those that were read; `None` where it is gone.
    pub(crate) fn get(&self, id: i64) -> Option<Transmission<'_>> {
        self.data.by_id(id).or_else(|| self.outside.get(&id).map(|row| (&**row).into()))
    }
}
