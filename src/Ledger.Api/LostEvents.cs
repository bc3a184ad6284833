using Ledger.Api.Webhooks;
using Ledger.Ingest.Frames;
using Ledger.Ingest.Streaming;
using Ledger.Journal;

namespace Ledger.Api;

/// <summary>
/// What stands beside a journal and follows it, where the journal goes on without events that were lost: each
/// part would take the events that come to those positions for those that it knows.
/// </summary>
public static class LostEvents
{
    /// <summary>Forgets, durably, what was made of the events from a position on; called again it does the same.
    /// </summary>
    /// <param name="data">The data folder.</param>
    /// <param name="store">The folder of the journal and its views, which may be another one.</param>
    public static void ForgetBeside(string data, string store, long from)
    {
        // Rows that apply what is lost cannot be told from others: all are computed again from what is there.
        foreach (var suffix in (string[])["-shm", "-wal", ""])
            File.Delete(Path.Combine(store, OpenLedger.ViewsFileName + suffix));
        DurableFiles.SyncDirectory(store);
        ForgetFollowers(data, from);
    }

    /// <summary>The same but for the views, which may be at a server: how far streams and webhooks had come.</summary>
    public static void ForgetFollowers(string data, long from)
    {
        // Records of streams may be lost, and the frames that they were made of are still there.
        StreamEngine.ReadAllAgain(Path.Combine(data, FrameLogOptions.FolderName));
        WebhookStore.LookAgain(Path.Combine(data, WebhookStore.FileName), from);
    }
}
