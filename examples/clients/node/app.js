// Requests of an application, from Node with pg.
import pg from 'pg';

const STATUS = { 28000: 401, 42501: 403, 42704: 404, 53400: 429, 40001: 503, '40P01': 503 };

// What a web framework answers: by SQLSTATE, or by its class.
function status(state) {
  return STATUS[state] ?? { 22: 400, 23: 409, 55: 409 }[state.slice(0, 2)] ?? 500;
}

// Runs handler as whoever presents the token: all of it or nothing. Afterwards nobody is asking.
async function request(pool, token, tenant, handler) {
  const client = await pool.connect();
  let broken;
  try {
    await client.query('BEGIN');
    await client.query('SELECT saas.begin_request($1, $2)', [token, tenant]);
    const result = await handler(client);
    await client.query('COMMIT');
    return [200, result];
  } catch (error) {
    // A connection that can't even roll back does not go back into the pool.
    await client.query('ROLLBACK').catch((lost) => { broken = lost; });
    if (!(error instanceof pg.DatabaseError)) throw error;
    return [status(error.code), error.message];
  } finally {
    client.release(broken);
  }
}

// After the application has checked the password. The token goes into the cookie; the database has its hash.
async function logIn(gateway, user, address) {
  const { rows } = await gateway.query('SELECT saas.create_session($1, ip_address => $2) AS token', [user, address]);
  return rows[0].token;
}

const add = (title) => async (client) => {
  const sql = 'INSERT INTO saas.projects (tenant_id, title) VALUES (saas.current_tenant_id(), $1) RETURNING title';
  return (await client.query(sql, [title])).rows[0].title;
};

async function titles(client) {
  const { rows } = await client.query('SELECT title FROM saas.projects ORDER BY title');
  return rows.map((row) => row.title).join(', ');
}

const require = (permission) => (client) => client.query('SELECT saas.require_tenant_permission($1)', [permission]);

const logOut = (client) => client.query('SELECT saas.revoke_session(saas.current_session_id())');

const { ANN: ann, ACME: acme, GLOBEX: globex } = process.env;
const gateway = new pg.Pool({ user: 'shop_gateway', max: 1 });
const app = new pg.Pool({ user: 'shop_app', max: 1 });
const token = await logIn(gateway, ann, '192.0.2.1');
const show = async (...asked) => console.log(...await request(app, ...asked));
await show(token, acme, add('First project'));
await show(token, acme, titles);
await show(token, acme, require('tenant.delete'));
await show(token, acme, require('tenant.reed'));
await show(token, acme, add(''));
await show(token, globex, titles);
await show('saas_session_of_nobody', acme, titles);
const { rows } = await app.query("SELECT coalesce(saas.current_user_id()::text, 'nobody') AS who");
console.log('now asks', rows[0].who);
await request(app, token, null, logOut);
await show(token, acme, titles);
await Promise.all([gateway.end(), app.end()]);
