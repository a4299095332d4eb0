//! `Table`: the handshakes and associations of one listener, by id, by route and by age.
//!
//! On one route live at most one association and one handshake beside it. An association with a connection id is found by
//! that as well; where its client has moved to the route of another, it is found by that alone. The table keeps order and says who has to
//! go; it sends nothing and knows no engine.
//!
//! Every operation costs a few steps in ordered sets, never a walk over all. Associations are ordered by when they
//! were heard: that order is put right only when somebody asks for its first (a datagram costs nothing), and with one
//! timeout for all it is the order of deadlines too.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Instant;

use super::AssociationId;
use super::association::{Association, Handshake};
use super::record::ConnectionId;
use crate::route::Route;

/// See the module.
#[derive(Default)]
pub(super) struct Table {
    last_id: u64,
    routes: HashMap<Route, Slot>,
    /// Ids rise, so the first is the oldest.
    handshakes: BTreeMap<AssociationId, Handshake>,
    handshakes_due: BTreeSet<(Instant, AssociationId)>,
    associations: HashMap<AssociationId, Association>,
    connection_ids: HashMap<ConnectionId, AssociationId>,
    /// By when they were heard, or were when they were entered.
    active: BTreeSet<(Instant, AssociationId)>,
    /// By when their lingering began.
    lingering: BTreeSet<(Instant, AssociationId)>,
}

/// Who lives on one route.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Slot {
    pub(super) association: Option<AssociationId>,
    pub(super) handshake: Option<AssociationId>,
}

impl Table {
    pub(super) fn new_id(&mut self) -> AssociationId {
        self.last_id += 1;
        AssociationId(self.last_id)
    }

    pub(super) fn slot(&self, route: Route) -> Slot {
        self.routes.get(&route).copied().unwrap_or_default()
    }

    pub(super) fn handshake_count(&self) -> usize {
        self.handshakes.len()
    }

    pub(super) fn association_count(&self) -> usize {
        self.associations.len()
    }

    /// Adds a handshake to a route that has none.
    pub(super) fn insert_handshake(&mut self, handshake: Handshake) {
        self.routes.entry(handshake.route).or_default().handshake = Some(handshake.id);
        self.handshakes_due.insert((handshake.due, handshake.id));
        self.handshakes.insert(handshake.id, handshake);
    }

    pub(super) fn handshake(&mut self, id: AssociationId) -> Option<&mut Handshake> {
        self.handshakes.get_mut(&id)
    }

    /// All handshakes, the oldest first.
    pub(super) fn all_handshakes(&self) -> Vec<AssociationId> {
        self.handshakes.keys().copied().collect()
    }

    /// The handshakes whose certificate or raw public key is believed already.
    pub(super) fn believed_handshakes(&self) -> Vec<AssociationId> {
        self.handshakes.values().filter(|handshake| handshake.is_believed()).map(|handshake| handshake.id).collect()
    }

    /// Moves a handshake in the order of deadlines.
    pub(super) fn schedule_handshake(&mut self, id: AssociationId, due: Instant) {
        if let Some(handshake) = self.handshakes.get_mut(&id)
            && handshake.due != due
        {
            self.handshakes_due.remove(&(handshake.due, id));
            handshake.due = due;
            self.handshakes_due.insert((due, id));
        }
    }

    pub(super) fn remove_handshake(&mut self, id: AssociationId) -> Option<Handshake> {
        let handshake = self.handshakes.remove(&id)?;
        self.handshakes_due.remove(&(handshake.due, id));
        self.clear_slot(handshake.route, |slot| slot.handshake = slot.handshake.filter(|there| *there != id));
        Some(handshake)
    }

    /// The handshake that began first.
    pub(super) fn oldest_handshake(&self) -> Option<AssociationId> {
        self.handshakes.first_key_value().map(|(id, _)| *id)
    }

    /// The handshake whose deadline comes first.
    pub(super) fn first_due_handshake(&self) -> Option<(Instant, AssociationId)> {
        self.handshakes_due.first().copied()
    }

    /// Adds an association to a route that has none.
    pub(super) fn insert_association(&mut self, association: Association) {
        self.routes.entry(association.route).or_default().association = Some(association.id);
        self.active.insert((association.entered, association.id));
        if let Some(connection_id) = association.connection_id() {
            self.connection_ids.insert(connection_id, association.id);
        }
        self.associations.insert(association.id, association);
    }

    pub(super) fn association(&mut self, id: AssociationId) -> Option<&mut Association> {
        self.associations.get_mut(&id)
    }

    pub(super) fn remove_association(&mut self, id: AssociationId) -> Option<Association> {
        let association = self.associations.remove(&id)?;
        let order = if association.is_lingering { &mut self.lingering } else { &mut self.active };
        order.remove(&(association.entered, id));
        self.clear_slot(association.route, |slot| slot.association = slot.association.filter(|there| *there != id));
        if let Some(connection_id) = association.connection_id() {
            self.connection_ids.remove(&connection_id);
        }
        Some(association)
    }

    /// The association whose client was given this connection id.
    pub(super) fn association_of(&self, connection_id: ConnectionId) -> Option<AssociationId> {
        self.connection_ids.get(&connection_id).copied()
    }

    /// The client of an association with a connection id has moved. Where the route has an association already, that
    /// keeps it: whoever claims an address displaces nobody there.
    pub(super) fn move_association(&mut self, id: AssociationId, route: Route) {
        let Some(association) = self.associations.get_mut(&id) else { return };
        let old = std::mem::replace(&mut association.route, route);
        self.clear_slot(old, |slot| slot.association = slot.association.filter(|there| *there != id));
        self.routes.entry(route).or_default().association.get_or_insert(id);
    }

    /// Puts an association among the lingering ones, or (`false`) back among the active.
    pub(super) fn set_lingering(&mut self, id: AssociationId, now: Instant, is_lingering: bool) {
        let Some(association) = self.associations.get_mut(&id) else { return };
        if association.is_lingering == is_lingering {
            return;
        }
        let (from, to) = if is_lingering {
            (&mut self.active, &mut self.lingering)
        } else {
            (&mut self.lingering, &mut self.active)
        };
        from.remove(&(association.entered, id));
        association.is_lingering = is_lingering;
        association.entered = now;
        to.insert((now, id));
    }

    /// The association that began to linger first.
    pub(super) fn first_lingering(&self) -> Option<(Instant, AssociationId)> {
        self.lingering.first().copied()
    }

    /// A time before which no active association was last heard, as far as it can be told without looking at them.
    pub(super) fn active_since(&self) -> Option<Instant> {
        self.active.first().map(|(entered, _)| *entered)
    }

    /// The active association that was heard last the longest ago, and when that was.
    pub(super) fn first_idle(&mut self) -> Option<(Instant, AssociationId)> {
        loop {
            let (entered, id) = self.active.first().copied()?;
            let association = self.associations.get_mut(&id).expect("the active ones are associations of the table");
            if association.heard <= entered {
                return Some((entered, id));
            }
            self.active.remove(&(entered, id));
            association.entered = association.heard;
            self.active.insert((association.entered, id));
        }
    }

    fn clear_slot(&mut self, route: Route, clear: impl FnOnce(&mut Slot)) {
        let Some(slot) = self.routes.get_mut(&route) else { return };
        clear(slot);
        if *slot == Slot::default() {
            self.routes.remove(&route);
        }
    }
}
