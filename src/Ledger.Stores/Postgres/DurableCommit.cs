using Ledger.Journal;
using Npgsql;

namespace Ledger.Stores.Postgres;

/// <summary>
/// What makes a commit of the journal durable. A transaction says it itself, because behind a pooler the next one may
/// have another session, which another client has set otherwise. And a commit that the server warns of is none: where
/// its wait for a standby was cancelled, PostgreSQL says that it has committed, and in a warning that no standby may
/// have it.
/// </summary>
internal sealed class DurableCommit
{
    private PostgresNotice? warning;

    public DurableCommit(NpgsqlConnection connection) => connection.Notice += (_, said) =>
    {
        if (said.Notice.InvariantSeverity == "WARNING") warning ??= said.Notice;
    };

    /// <summary>
    /// What a statement of each transaction has among its values, so that it costs no journey: the commit waits for the
    /// disk, and for a standby where the server has one that counts; and its warnings are told. Refuses a server that
    /// would say "done" before it is done, with <see cref="IOException"/>.
    /// </summary>
    public static string SettingsOn(NpgsqlConnection connection)
    {
        using var show = new NpgsqlCommand(
            "SELECT current_setting('fsync'), current_setting('synchronous_commit')", connection);
        using var row = show.ExecuteReader();
        row.Read();
        if (row.GetString(0) != "on")
            throw new IOException("the server has fsync off: what it acknowledges is not durable");
        // Who wants more than the disk of the standby gets it.
        var level = row.GetString(1) == "remote_apply" ? "remote_apply" : "on";
        return $"set_config('synchronous_commit', '{level}', true), set_config('client_min_messages', 'warning', true)";
    }

    /// <summary>Returns when it is durable; throws <see cref="IOException"/> where the server does not vouch for it.
    /// </summary>
    public void Commit(NpgsqlTransaction transaction)
    {
        warning = null;
        transaction.Commit();
        if (warning is { } said)
            throw new IOException($"the server does not vouch for a commit: {said.MessageText}");
    }
}
