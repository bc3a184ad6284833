using System.Text;
using Ledger.Domain;
using Ledger.Ingest;
using Ledger.Ingest.Frames;
using Ledger.Journal.Proof;
using NodaTime;

namespace Ledger.Tests;

/// <summary>
/// Every reader of bytes from outside, each as a function of one input. A refusal is an answer; anything that is thrown
/// else is a fault of the reader. The everyday test and AFL++ run the same table.
/// </summary>
internal static class FuzzTargets
{
    // Made when it is needed: nothing of a library that AFL++ watches may run before the fuzzer does.
    private static IntakeHints Anywhere => new(new SettlementPointId("P"));

    public static readonly IReadOnlyDictionary<string, Action<byte[]>> All =
        new SortedDictionary<string, Action<byte[]>>(StringComparer.Ordinal)
        {
            ["checkpoint"] = bytes => Note(() => Checkpoint.Parse(SignedNote.Parse(bytes).Text).ToText()),
            ["csv"] = bytes => Text(bytes, text => CurveFiles.ReadCsv(text, Anywhere, out _)),
            ["epfl"] = bytes => Text(bytes, text => EpflSessions.Read(text, DateTimeZone.Utc, out _)),
            ["facts"] = bytes => FactText.Check(bytes, null),
            ["frame"] = Frame,
            ["log-frame"] = LogFrame,
            ["ndjson"] = bytes => Curve(bytes),
            ["nem12"] = bytes => Text(bytes, text => Nem12.Read(text, out _)),
            ["note"] = bytes => Note(() => SignedNote.Parse(bytes).ToString()),
            ["ocmf"] = bytes => Text(bytes, text => Ocmf.Read(text, null, out _)),
            ["ocmf-xml"] = bytes => OcmfContainer.Read(bytes, out _),
            ["packed"] = Packed,
            ["parquet"] = bytes => CurveParquet.Read(bytes, Anywhere, out _),
            ["policy"] = bytes => Note(() => WitnessPolicy.Parse(bytes)),
            ["proof"] = bytes => Note(() => TlogProof.Parse(Encoding.UTF8.GetString(bytes)).ToString()),
            ["rule-pack"] = bytes => FactText.Check(bytes, "rule-pack"),
            ["zip"] = bytes => ZipIntake.Read(bytes, out _),
        };

    /// <summary>A text is decoded first, as the intake does.</summary>
    private static void Text(byte[] bytes, Action<string> read)
    {
        if (IntakeText.Decode(bytes, out var text) is null) read(text);
    }

    private static void Curve(byte[] bytes)
    {
        if (CurveLines.IsCurve(bytes)) CurveLines.Read(bytes, Anywhere, out _);
        CurveLines.Read(bytes, Anywhere, out _);
    }

    /// <summary>A frame that keeps every rule has one form: with the number that it has it is written as it was.
    /// </summary>
    private static void Frame(byte[] bytes)
    {
        try
        {
            var head = CheckedFrame.Check(bytes).Head;
            if (!FrameNumbering.Numbered(bytes, head.Sequence).AsSpan().SequenceEqual(bytes))
                throw new InvalidOperationException("the frame's number has another form");
        }
        catch (InputRefusedException)
        {
            // It is no frame, and says so.
        }
    }

    /// <summary>The kinds of frames that a ledger writes into its own log, and no sender may send.</summary>
    private static void LogFrame(byte[] bytes)
    {
        try
        {
            var frame = FrameReader.Open(bytes);
            if (frame.Head.Kind == FrameKind.GivenUp)
                while (frame.TryRead(out ShedSamples _)) { }
            else if (frame.Head.Kind == FrameKind.Sender)
                while (frame.TryRead(out FrameSender? _)) { }
        }
        catch (InputRefusedException)
        {
            // It is no frame, and says so.
        }
    }

    private static void Packed(byte[] bytes)
    {
        if (PackedBytes.CodingOf(bytes) is not null) PackedBytes.Unpack(bytes, out _);
    }

    private static void Note(Action read)
    {
        try
        {
            read();
        }
        catch (NoteRefusedException)
        {
            // It is no note, proof, checkpoint or policy, and says so.
        }
    }
}
