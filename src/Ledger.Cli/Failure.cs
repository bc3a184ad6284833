using System.Data.Common;
using Ledger.Api;
using Ledger.Ingest.Frames;
using Ledger.Journal;
using Ledger.Journal.Copies;
using Ledger.Journal.Proof;
using Ledger.Projections;

namespace Ledger.Cli;

/// <summary>The verb could not do its work, for a reason that it knows better than any library.</summary>
public sealed class CouldNotException(string problem) : Exception(problem);

/// <summary>
/// What may go wrong outside this program, each as one line that names what and how to mend it. Anything else is a bug.
/// </summary>
public static class Failure
{
    /// <summary>The line for a person; null where the failure is not expected.</summary>
    public static string? Explain(Exception failure, string data) => failure switch
    {
        CouldNotException or StoreRefusedException or StoreUnavailableException => failure.Message,
        JournalFencedException => failure.Message,
        FolderOwnedException => $"{failure.Message}; stop it, or name another folder with --data",
        NoteRefusedException or LedgerCopyException => failure.Message,
        JournalRefusedException => $"{failure.Message}; restore {data} from a copy, "
            + $"or accept the loss with: ledger recover {LedgerIdentity.OnCommandLine(data)} --by NAME --accept-loss",
        EvidenceErasedException => failure.Message,
        EvidencePrunedException => $"{failure.Message}, which names the archive that has it",
        JournalFaultedException or EvidenceStoppedException => $"{failure.Message}; look at the disk or the server, then start again",
        UnknownWireNameException => $"{failure.Message}; a newer version of this program wrote it, use that one",
        PoisonEventException => $"{failure.Message}; restore {data} from a copy",
        ViewsAheadException => $"{failure.Message}; restore the journal, or, where it is as it should be, compute the "
            + $"views from it: ledger rebuild {LedgerIdentity.OnCommandLine(data)}",
        RowVersionException { IsLater: true } => $"{failure.Message}: a later program made them; use that one, or compute "
            + $"them as this one does: ledger rebuild {LedgerIdentity.OnCommandLine(data)}",
        RowVersionException => $"{failure.Message}: whoever owns {data} computes them anew, which takes a while, or is an "
            + "earlier program, and then is to be started as this one",
        ProjectionStoppedException => $"the views {failure.Message}",
        InvalidDataException or FrameLogDamagedException => $"{failure.Message}; restore {data} from a copy",
        DbException => $"{data} cannot be read: {failure.Message}",
        HttpRequestException => $"the owner of {data} does not answer: {failure.Message}",
        Grpc.Core.RpcException => $"the store of {data} does not answer: {failure.Message}",
        OperationCanceledException { InnerException: TimeoutException late } =>
            $"the owner of {data} does not answer: {late.Message}",
        OperationCanceledException => "stopped before the end; what is recorded stays recorded",
        IOException or UnauthorizedAccessException => failure.Message,
        _ => null,
    };
}
