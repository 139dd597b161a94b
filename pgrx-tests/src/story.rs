//! Two tenants, their people, and the platform's: what most tests of rights begin with.

use crate::TestDb;
use postgres::types::{FromSqlOwned, ToSql};
use postgres::{Client, GenericClient, Transaction};
use uuid::Uuid;

/// Somebody with a session.
#[derive(Clone, Debug)]
pub struct Person {
    pub id: Uuid,
    pub token: String,
}

/// A tenant with one person in each role of the seed.
#[derive(Clone, Debug)]
pub struct Tenant {
    pub id: Uuid,
    pub owner: Person,
    pub admin: Person,
    pub member: Person,
    pub guest: Person,
}

pub struct Story {
    pub db: TestDb,
    /// The data owner's connection.
    pub data: Client,
    pub acme: Tenant,
    pub globex: Tenant,
    /// A member of both tenants.
    pub both: Person,
    /// In no tenant and without a system role.
    pub stranger: Person,
    pub superadmin: Person,
    pub platform_admin: Person,
    pub support: Person,
}

impl Story {
    #[allow(clippy::new_without_default)] // as of TestDb
    pub fn new() -> Story {
        let db = TestDb::new();
        let mut data = db.owner();
        let acme = tenant(&mut data, "acme");
        let globex = tenant(&mut data, "globex");
        let both = person(&mut data, "both");
        join(&mut data, &acme, &both, "tenant_member");
        join(&mut data, &globex, &both, "tenant_member");
        let stranger = person(&mut data, "stranger");
        let platform = |data: &mut Client, role: &str| {
            let person = person(data, role);
            assign(data, &person, role);
            person
        };
        let superadmin = platform(&mut data, "platform_superadmin");
        let platform_admin = platform(&mut data, "platform_admin");
        let support = platform(&mut data, "platform_support");
        Story { db, data, acme, globex, both, stranger, superadmin, platform_admin, support }
    }

    /// Makes an API key as `create_api_key` will, and returns the key.
    pub fn api_key(&mut self, tenant: &Tenant, person: &Person, role: &str) -> String {
        let key = format!("saas_key_{}_{}", tenant.id, Uuid::new_v4().simple());
        let made = self.data.execute(
            "INSERT INTO saas.api_keys (tenant_id, user_id, role_id, name, prefix, key_hash)
             SELECT $1, $2, r.id, 'a program', left($3, 12), sha256($3::text::bytea) FROM saas.roles r WHERE r.key = $4",
            &[&tenant.id, &person.id, &key, &role],
        );
        assert_eq!(made.unwrap(), 1);
        key
    }

    /// Opens an impersonation as `start_impersonation` will.
    pub fn impersonation(
        &mut self,
        actor: &Person,
        target: &Person,
        tenant: &Tenant,
        lasts: &str,
    ) -> Uuid {
        one(
            &mut self.data,
            "INSERT INTO saas.impersonation_sessions (actor_id, target_user_id, tenant_id, reason, expires_at)
             VALUES ($1, $2, $3, 'ticket 1', now() + $4::text::interval) RETURNING id",
            &[&actor.id, &target.id, &tenant.id, &lasts],
        )
    }

    /// The data owner takes a membership away.
    pub fn remove(&mut self, tenant: &Tenant, person: &Person) {
        let sql = "DELETE FROM saas.tenant_members WHERE tenant_id = $1 AND user_id = $2";
        assert_eq!(self.data.execute(sql, &[&tenant.id, &person.id]).unwrap(), 1);
    }
}

/// A new person with a session.
pub fn person(data: &mut Client, name: &str) -> Person {
    let id: Uuid = one(data, "SELECT saas.create_user($1 || '@example.com', $1)", &[&name]);
    let token = one(data, "SELECT saas.create_session($1)", &[&id]);
    Person { id, token }
}

/// A new tenant with its four people.
pub fn tenant(data: &mut Client, name: &str) -> Tenant {
    let owner = person(data, &format!("{name}.owner"));
    let id = one(data, "SELECT saas.create_tenant($1, $2)", &[&name, &owner.id]);
    let mut with = |role: &str| person(data, &format!("{name}.{role}"));
    let tenant =
        Tenant { id, owner, admin: with("admin"), member: with("member"), guest: with("guest") };
    join(data, &tenant, &tenant.admin, "tenant_admin");
    join(data, &tenant, &tenant.member, "tenant_member");
    join(data, &tenant, &tenant.guest, "tenant_guest");
    tenant
}

pub fn join(data: &mut impl GenericClient, tenant: &Tenant, person: &Person, role: &str) {
    let made = data.execute(
        "INSERT INTO saas.tenant_members (tenant_id, user_id, role_id)
         SELECT $1, $2, r.id FROM saas.roles r WHERE r.key = $3",
        &[&tenant.id, &person.id, &role],
    );
    assert_eq!(made.unwrap(), 1, "{role}");
}

/// Gives a system role.
pub fn assign(data: &mut impl GenericClient, person: &Person, role: &str) {
    let made = data.execute(
        "INSERT INTO saas.system_role_assignments (assigned_user_id, role_id, assigned_by, reason)
         SELECT $1, r.id, $1, 'test' FROM saas.roles r WHERE r.key = $2",
        &[&person.id, &role],
    );
    assert_eq!(made.unwrap(), 1, "{role}");
}

/// Begins a transaction and the person's request in it.
pub fn asking<'a>(
    client: &'a mut Client,
    person: &Person,
    tenant: Option<&Tenant>,
) -> Transaction<'a> {
    let mut transaction = client.transaction().unwrap();
    transaction
        .execute("SELECT saas.begin_request($1, $2)", &[&person.token, &tenant.map(|t| t.id)])
        .unwrap();
    transaction
}

/// The first column of the one row.
#[track_caller]
pub fn one<T: FromSqlOwned>(
    client: &mut impl GenericClient,
    sql: &str,
    args: &[&(dyn ToSql + Sync)],
) -> T {
    match client.query_one(sql, args) {
        Ok(row) => row.get(0),
        Err(error) => panic!("{sql}: {error:?}"),
    }
}

/// Who is asking, as the database sees it.
#[track_caller]
pub fn who(client: &mut impl GenericClient) -> Option<Uuid> {
    one(client, "SELECT saas.current_user_id()", &[])
}
