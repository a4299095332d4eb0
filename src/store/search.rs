//! Pages of devices: searched, filtered, sorted, and fast on every page of a fleet of a million.
//!
//! A page is a keyset: it begins behind the last row of the page before, and no row is counted off. Two ways lead to it.
//! Where an index names few candidates (a rare text, tag, profile, ...), these are looked at and sorted; otherwise the
//! index of the order is walked until the page is full, which then happens soon. Texts of three and more letters are
//! found by an index of trigrams (`device_search`), which is kept up to date by [`index`] and by a trigger.

use data_encoding::BASE64URL_NOPAD;
use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

use super::devices::Devices;
use super::entry::{DeviceOrder, DevicePage, DeviceQuery, Origin};
use super::error::StoreError;
use super::noun::{self, Stored};
use super::outcomes;
use crate::provision::{DeviceDefinition, DeviceState};

/// As many candidates are looked at one by one at most; a filter that more devices meet fills a page soon by walking.
const CANDIDATES: u64 = 20_000;
/// Letters of an entry of the trigram index.
const GRAM: usize = 3;
/// As many trigrams are looked up at either end of a long text; the rest is compared.
const GRAMS: usize = 12;

/// What a search looks at, one text per line: endpoint, PSK identity, properties as `name=value`, tags.
const TEXT: &str = "devices.endpoint || char(10) || coalesce(devices.psk_identity, '') || char(10)
    || coalesce((SELECT group_concat(key || '=' || value, char(10)) FROM json_each(devices.properties)), '') || char(10)
    || coalesce((SELECT group_concat(tag, char(10)) FROM device_tags WHERE device = devices.id), '')";

/// The statement that brings every device into the trigram index.
pub(super) fn index_all() -> String {
    format!("INSERT INTO device_search (rowid, text) SELECT devices.id, {TEXT} FROM devices")
}

/// Brings a device, as its rows now say it, into the trigram index.
pub(super) fn index(connection: &Connection, id: i64) -> Result<(), StoreError> {
    let sql = format!(
        "INSERT OR REPLACE INTO device_search (rowid, text) SELECT devices.id, {TEXT} FROM devices WHERE devices.id = ?1"
    );
    connection.prepare_cached(&sql)?.execute([id])?;
    Ok(())
}

/// A page of the devices in force; run it in a transaction, so that page and total belong together.
pub(super) fn page(connection: &Connection, query: &DeviceQuery) -> Result<DevicePage, StoreError> {
    let filters = filters(query);
    let after = query.after.as_deref().map(|after| Place::read(query.order, after)).transpose()?;
    let (source, total) = plan(connection, &filters)?;
    let (found, more) = places(connection, query, &filters, source, after.as_ref())?;
    let next = found.last().filter(|_| more).map(|place| place.write(query.order));
    let mut devices = Vec::with_capacity(found.len());
    for Place { id, .. } in found {
        for stored in noun::query::<Devices>(connection, "WHERE id = ?1", [id])? {
            devices.push(outcomes::with_last(connection, stored.entry)?);
        }
    }
    Ok(DevicePage { devices, total, next })
}

/// Shows `visit` every device that is asked for, page by page; run it in a transaction.
pub(super) fn each(
    connection: &Connection,
    query: &DeviceQuery,
    mut visit: impl FnMut(Stored<DeviceDefinition>) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let filters = filters(query);
    let (source, _) = plan(connection, &filters)?;
    let mut after = None;
    loop {
        let (mut found, more) = places(connection, query, &filters, source, after.as_ref())?;
        for place in &found {
            noun::each::<Devices>(connection, "WHERE id = ?1", [place.id], &mut visit)?;
        }
        match found.pop() {
            Some(last) if more => after = Some(last),
            _ => return Ok(()),
        }
    }
}

/// The next [`DeviceQuery::limit`] places behind `after`, and whether there are more.
fn places(
    connection: &Connection,
    query: &DeviceQuery,
    filters: &[Filter],
    source: Option<&Index>,
    after: Option<&Place>,
) -> Result<(Vec<Place>, bool), StoreError> {
    let limit = query.limit as usize;
    let mut found: Vec<Place> = Vec::new();
    for phase in phases(query.order) {
        // A page that begins in the second phase has nothing of the first.
        if found.len() <= limit && after.is_none_or(|place| place.phase <= phase.number) {
            let after = after.filter(|place| place.phase == phase.number);
            // One more than asked for tells whether there is a next page.
            let rest = limit + 1 - found.len();
            found.extend(rows(connection, query, (phase, after), filters, source, rest)?);
        }
    }
    let more = found.len() > limit;
    found.truncate(limit);
    Ok((found, more))
}

/// One condition on a device.
struct Filter {
    /// In SQL, with `?` for each of `values`; columns in front of which a `+` stands are kept from choosing an index.
    condition: String,
    values: Vec<Value>,
    /// Where its candidates stand, if an index has them.
    index: Option<Index>,
}

/// The way from a condition to its candidates.
#[derive(Clone)]
struct Index {
    /// What to read before `devices`.
    from: &'static str,
    /// Joins `devices` to it.
    join: &'static str,
    /// The condition, with one `?`.
    condition: &'static str,
    value: Value,
    /// Whether the candidates are exactly those that meet the condition, hidden ones included.
    exact: bool,
}

fn filters(query: &DeviceQuery) -> Vec<Filter> {
    let column = |name: &'static str, condition: &'static str, value: String| {
        let index = Index { from: "", join: "", condition, value: value.clone().into(), exact: true };
        Filter { condition: format!("+devices.{name} = ?"), values: vec![value.into()], index: Some(index) }
    };
    let mut filters = Vec::new();
    if let Some(text) = query.search.as_deref().filter(|text| !text.is_empty()) {
        let condition = format!(
            "(instr(devices.endpoint, ?) > 0 OR instr(devices.psk_identity, ?) > 0 OR (
              (devices.properties <> '{{}}' OR EXISTS (SELECT 1 FROM device_tags WHERE device = devices.id))
              AND instr({TEXT}, ?) > 0))"
        );
        filters.push(Filter { condition, values: vec![text.to_owned().into(); 3], index: text_index(text) });
    }
    for (name, value) in &query.properties {
        let condition = "EXISTS (SELECT 1 FROM json_each(devices.properties) WHERE key = ? AND value = ?)".to_owned();
        let index = text_index(&format!("{name}={value}"));
        filters.push(Filter { condition, values: vec![name.clone().into(), value.clone().into()], index });
    }
    if let Some(tag) = &query.tag {
        let condition = "EXISTS (SELECT 1 FROM device_tags WHERE device = devices.id AND tag = ?)".to_owned();
        let (from, join, on) =
            ("device_tags", "CROSS JOIN devices ON devices.id = device_tags.device", "device_tags.tag = ?");
        let index = Index { from, join, condition: on, value: tag.clone().into(), exact: true };
        filters.push(Filter { condition, values: vec![tag.clone().into()], index: Some(index) });
    }
    if let Some(outcome) = query.last_outcome {
        let outcome: Value = outcome.name().to_owned().into();
        let condition = "EXISTS (SELECT 1 FROM device_outcomes WHERE device = devices.id AND outcome = ?)".to_owned();
        let (from, join, on) =
            ("device_outcomes ends", "CROSS JOIN devices ON devices.id = ends.device", "ends.outcome = ?");
        let index = Index { from, join, condition: on, value: outcome.clone(), exact: true };
        filters.push(Filter { condition, values: vec![outcome], index: Some(index) });
    }
    if let Some(profile) = &query.profile {
        filters.push(column("profile", "devices.profile = ?", profile.clone()));
    }
    if let Some(state) = query.state {
        let mut filter = column("state", "devices.state = 'blocked' AND ? <> ''", state.name().to_owned());
        // Nearly all are enabled: that is what walking is good for.
        filter.index = filter.index.filter(|_| state == DeviceState::Blocked);
        filters.push(filter);
    }
    if let Some(origin) = query.origin {
        let mut filter = column("origin", "devices.origin = 'file' AND ? <> ''", origin.name().to_owned());
        filter.index = filter.index.filter(|_| origin == Origin::File);
        filters.push(filter);
    }
    filters
}

/// The trigrams of `text`, all of which a device must have; none for a text that is too short.
fn text_index(text: &str) -> Option<Index> {
    let letters: Vec<char> = text.chars().collect();
    // A NUL would end the expression.
    if letters.len() < GRAM || letters.contains(&'\0') {
        return None;
    }
    let mut grams: Vec<String> = letters.windows(GRAM).map(|gram| gram.iter().collect()).collect();
    if grams.len() > 2 * GRAMS {
        grams.drain(GRAMS..grams.len() - GRAMS);
    }
    grams.sort_unstable();
    grams.dedup();
    let quoted: Vec<String> = grams.iter().map(|gram| format!("\"{}\"", gram.replace('"', "\"\""))).collect();
    let join = "CROSS JOIN devices ON devices.id = device_search.rowid";
    let value = quoted.join(" AND ").into();
    Some(Index { from: "device_search", join, condition: "device_search MATCH ?", value, exact: false })
}

/// Which candidates to look at, if there are few; and how many devices there are on all pages, where that is known
/// without looking at most of them.
fn plan<'f>(connection: &Connection, filters: &'f [Filter]) -> Result<(Option<&'f Index>, Option<u64>), StoreError> {
    let mut fewest: Option<(u64, &Index)> = None;
    for index in filters.iter().filter_map(|filter| filter.index.as_ref()) {
        let bound = fewest.map_or(CANDIDATES, |(count, _)| count);
        let from = if index.from.is_empty() { "devices" } else { index.from };
        let sql = format!("SELECT count(*) FROM (SELECT 1 FROM {from} WHERE {} LIMIT {})", index.condition, bound + 1);
        let count = count(connection, &sql, vec![index.value.clone()])?;
        if count <= bound {
            fewest = Some((count, index));
        }
    }
    if let Some((_, index)) = fewest {
        let (sql, values) = select("count(*)", "", filters, Some(index));
        return Ok((Some(index), Some(count(connection, &sql, values)?)));
    }
    let all = || count(connection, "SELECT count(*) FROM devices", Vec::new());
    let hidden = |condition: &str, values: Vec<Value>| {
        count(connection, &format!("SELECT count(*) FROM devices WHERE shadowed = 1 {condition}"), values)
    };
    let total = match filters {
        [] => Some(all()? - hidden("", Vec::new())?),
        [Filter { condition, values, index: Some(index) }] if index.exact => {
            let from = if index.from.is_empty() { "devices" } else { index.from };
            let sql = format!("SELECT count(*) FROM {from} WHERE {}", index.condition);
            let found = count(connection, &sql, vec![index.value.clone()])?;
            Some(found - hidden(&format!("AND {condition}"), values.clone())?)
        }
        _ if all()? <= CANDIDATES => {
            let (sql, values) = select("count(*)", "", filters, None);
            Some(count(connection, &sql, values)?)
        }
        _ => None,
    };
    Ok((None, total))
}

fn count(connection: &Connection, sql: &str, values: Vec<Value>) -> Result<u64, StoreError> {
    let mut statement = connection.prepare_cached(sql)?;
    Ok(statement.query_row(params_from_iter(values), |row| noun::number(row, 0))?)
}

/// A part of an order: `last-session` has first the devices that had one, then the others.
#[derive(Clone, Copy)]
struct Phase {
    number: u8,
    key: &'static str,
    /// The device's number, by which rows of the same key are sorted, in the index of the key.
    tie: &'static str,
    /// Joined to `devices`, and what must hold.
    join: &'static str,
    condition: &'static str,
    /// What is walked first where no candidates are.
    walk: &'static str,
}

fn phases(order: DeviceOrder) -> &'static [Phase] {
    const fn of_column(key: &'static str) -> Phase {
        Phase { number: 0, key, tie: "devices.id", join: "", condition: "", walk: "devices" }
    }
    match order {
        DeviceOrder::Endpoint => &const { [of_column("devices.endpoint")] },
        DeviceOrder::Created => &const { [of_column("devices.created")] },
        DeviceOrder::Changed => &const { [of_column("devices.changed")] },
        DeviceOrder::LastSession => {
            &const {
                [
                    Phase {
                        key: "last.at",
                        tie: "last.device",
                        join: " CROSS JOIN device_outcomes last ON last.device = devices.id",
                        walk: "device_outcomes last CROSS JOIN devices ON devices.id = last.device",
                        ..of_column("")
                    },
                    Phase {
                        number: 1,
                        condition: " AND NOT EXISTS (SELECT 1 FROM device_outcomes WHERE device = devices.id)",
                        ..of_column("0")
                    },
                ]
            }
        }
    }
}

/// The places of the next `limit` devices of one phase.
fn rows(
    connection: &Connection,
    query: &DeviceQuery,
    (phase, after): (&Phase, Option<&Place>),
    filters: &[Filter],
    source: Option<&Index>,
    limit: usize,
) -> Result<Vec<Place>, StoreError> {
    let Phase { number, key, tie, .. } = *phase;
    let columns = format!("devices.id, {key}");
    let (mut sql, mut values) = match source {
        Some(index) => select(&columns, phase.join, filters, Some(index)),
        None => select_walking(&columns, phase.walk, filters),
    };
    sql += phase.condition;
    let (than, direction) = if query.descending { ("<", "DESC") } else { (">", "ASC") };
    // An endpoint is the only one; and in the second phase nothing but the number sorts.
    let (sorts, places): (&[&str], _) = match (query.order, number) {
        (DeviceOrder::Endpoint, _) => (&[key], after.map(|place| vec![place.key.clone()])),
        (_, 1) => (&[tie], after.map(|place| vec![place.id.into()])),
        _ => (&[key, tie], after.map(|place| vec![place.key.clone(), place.id.into()])),
    };
    if let Some(places) = places {
        let marks = vec!["?"; places.len()].join(", ");
        sql += &format!(" AND ({}) {than} ({marks})", sorts.join(", "));
        values.extend(places);
    }
    let sorts: Vec<String> = sorts.iter().map(|sort| format!("{sort} {direction}")).collect();
    sql += &format!(" ORDER BY {} LIMIT {limit}", sorts.join(", "));
    let mut statement = connection.prepare_cached(&sql)?;
    let rows = statement
        .query_map(params_from_iter(values), |row| Ok(Place { phase: number, key: row.get(1)?, id: row.get(0)? }))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Reads the candidates of `index` and asks each for all of `filters`.
fn select(columns: &str, join: &str, filters: &[Filter], index: Option<&Index>) -> (String, Vec<Value>) {
    let Some(index) = index else { return select_walking(columns, "devices", filters) };
    let from = if index.from.is_empty() { "devices" } else { index.from };
    let Index { join: to_devices, condition, value, .. } = index;
    let mut sql =
        format!("SELECT {columns} FROM {from} {to_devices}{join} WHERE {condition} AND +devices.shadowed = 0");
    let mut values = vec![value.clone()];
    add_conditions(&mut sql, &mut values, filters);
    (sql, values)
}

/// Reads `from` in the order that is asked for.
fn select_walking(columns: &str, from: &str, filters: &[Filter]) -> (String, Vec<Value>) {
    let mut sql = format!("SELECT {columns} FROM {from} WHERE +devices.shadowed = 0");
    let mut values = Vec::new();
    add_conditions(&mut sql, &mut values, filters);
    (sql, values)
}

fn add_conditions(sql: &mut String, values: &mut Vec<Value>, filters: &[Filter]) {
    for filter in filters {
        sql.push_str(" AND ");
        sql.push_str(&filter.condition);
        values.extend(filter.values.iter().cloned());
    }
}

/// Where a page ends: the row's place in the order.
struct Place {
    phase: u8,
    key: Value,
    id: i64,
}

impl Place {
    /// As [`DeviceQuery::after`] takes it: nothing to read for anybody else.
    fn write(&self, order: DeviceOrder) -> String {
        let key = match &self.key {
            Value::Text(text) => text.clone(),
            Value::Integer(number) => number.to_string(),
            _ => String::new(),
        };
        BASE64URL_NOPAD.encode(format!("{}:{}:{}:{key}", order.name(), self.phase, self.id).as_bytes())
    }

    fn read(order: DeviceOrder, after: &str) -> Result<Place, StoreError> {
        let place = BASE64URL_NOPAD.decode(after.as_bytes()).ok().and_then(|bytes| {
            let text = String::from_utf8(bytes).ok()?;
            let mut parts = text.splitn(4, ':');
            let same_order = parts.next()? == order.name();
            let (phase, id, key) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?, parts.next()?);
            let key = match order {
                DeviceOrder::Endpoint => Value::Text(key.to_owned()),
                _ => Value::Integer(key.parse().ok()?),
            };
            same_order.then_some(Place { phase, key, id })
        });
        place.ok_or(StoreError::NoSuchPlace)
    }
}
