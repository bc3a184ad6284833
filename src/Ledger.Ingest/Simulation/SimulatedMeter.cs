using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Ledger.Domain;
using Ledger.Ingest.Fleet;
using NodaTime;
using NodaTime.Text;
using Org.BouncyCastle.Asn1.Sec;
using Org.BouncyCastle.Asn1.X9;
using Org.BouncyCastle.Crypto.Digests;
using Org.BouncyCastle.Crypto.Parameters;
using Org.BouncyCastle.Crypto.Signers;
using Org.BouncyCastle.X509;
using DerInteger = Org.BouncyCastle.Asn1.DerInteger;
using DerSequence = Org.BouncyCastle.Asn1.DerSequence;
using Number = Org.BouncyCastle.Math.BigInteger;

namespace Ledger.Ingest.Simulation;

/// <summary>Both registers of a meter at an instant of its station's clock, in whole watt-hours.</summary>
public readonly record struct RegisterIndices(Instant At, long ImportWattHours, long ExportWattHours);

/// <summary>
/// The meter of a simulated connector: two registers that count whole watt-hours of the true energy, and a key of its
/// own that signs what they show when a session begins and ends (OCMF 1.0, ECDSA on secp256r1 with SHA-256). A
/// signature's random number follows from key and text (RFC 6979), so the same seed gives the same bytes.
/// </summary>
public sealed class SimulatedMeter
{
    /// <summary>Decimals of a kilowatt-hour that a register shows, and its digits, those included.</summary>
    public const int Decimals = 3, Digits = 9;

    private static readonly X9ECParameters Curve = SecNamedCurves.GetByName("secp256r1");
    private static readonly ECDomainParameters Domain =
        new ECNamedDomainParameters(SecObjectIdentifiers.SecP256r1, Curve);
    private static readonly InstantPattern TimePattern =
        InstantPattern.CreateWithInvariantCulture("uuuu-MM-dd'T'HH:mm:ss','fff'+0000 S'");

    private readonly StreamTruth truth;
    private readonly long importStart, exportStart;
    private readonly Number secret;

    public SimulatedMeter(StreamTruth truth)
    {
        this.truth = truth;
        var (plan, connector) = (truth.Stream.Fleet.Plan, truth.Stream.Connector);
        var draws = StreamDraws.Of(plan.Seed, StreamPurpose.Meter, connector, 0);
        Serial = string.Create(CultureInfo.InvariantCulture, $"SIM{connector:0000000}");
        // A session that began before the plan takes less than the least of these.
        (importStart, exportStart) = (draws.Between(5_000_000, 80_000_000), draws.Between(5_000_000, 20_000_000));
        var text = string.Create(CultureInfo.InvariantCulture, $"ledger-simulated-meter/1\n{plan.Seed}\n{connector}\n");
        secret = new Number(1, SHA256.HashData(Encoding.UTF8.GetBytes(text)))
            .Mod(Curve.N.Subtract(Number.One)).Add(Number.One);
    }

    public string Serial { get; }

    /// <summary>The public key as SubjectPublicKeyInfo, in hexadecimal: as OCMF keys are given.</summary>
    public string PublicKey => Convert.ToHexStringLower(SubjectPublicKeyInfoFactory.CreateSubjectPublicKeyInfo(
        new ECPublicKeyParameters(Curve.G.Multiply(secret).Normalize(), Domain)).GetDerEncoded());

    /// <summary>What the registers show at a sample's instant, brought down to a whole millisecond.</summary>
    public RegisterIndices At(long index)
    {
        var microseconds = truth.Stream.InstantOf(index) / 1000 * 1000;
        var origin = truth.Stream.OriginMicroseconds;
        var (flowed, sign) = microseconds >= origin
            ? (truth.Between(origin, microseconds), 1) : (truth.Between(microseconds, origin), -1);
        return new RegisterIndices(Instant.FromUnixTimeMilliseconds(microseconds / 1000),
            importStart + WholeWattHours(flowed.Import * sign), exportStart + WholeWattHours(flowed.Export * sign));
    }

    /// <summary>The watt-hours that a register has counted wholly: toward less, also before the plan began.</summary>
    private static long WholeWattHours(Energy flowed)
    {
        var (hours, rest) = Int128.DivRem(flowed.HalfNanojoules, Energy.HalfNanojoulesPerWattHour);
        return (long)(rest < 0 ? hours - 1 : hours);
    }

    /// <summary>The sessions whose power ended while the plan lasted, in their order.</summary>
    public IEnumerable<SimulatedSession> SessionsEnded()
    {
        var stream = truth.Stream;
        for (var number = stream.SessionAt(0).Number; ; number++)
        {
            var session = stream.Session(number);
            if (session.StopIndex >= stream.EndIndex) yield break;
            if (session.StopIndex >= 0) yield return session;
        }
    }

    /// <summary>The signed value of a session: both registers at its beginning and at its end.</summary>
    public string SignedValue(SimulatedSession session)
    {
        var (begin, end) = (At(session.StartIndex), At(session.StopIndex));
        var point = truth.Stream.Fleet.Plan.PointOf(truth.Stream.Connector);
        var reason = session.StopReason == SimulatedStopReason.StoppedByDriver ? 'L' : 'E';
        var payload = string.Create(CultureInfo.InvariantCulture,
            $$"""{"FV":"1.0","GI":"Ledger simulator","GS":"{{Serial}}","PG":"T{{session.Number + 1}}","MV":"Simulated","MM":"SIM-DC","MS":"{{Serial}}","MF":"1.0","IS":false,"IF":[],"IT":"NONE","ID":"","CT":"EVSEID","CI":"{{point}}","RD":[{{Reading(begin, 'B', begin.ImportWattHours, 'B')}},{{Reading(begin, 'B', begin.ExportWattHours, 'C')}},{{Reading(end, reason, end.ImportWattHours, 'B')}},{{Reading(end, reason, end.ExportWattHours, 'C')}}]}""");
        var signature = Convert.ToHexStringLower(Sign(Encoding.UTF8.GetBytes(payload)));
        return $$"""OCMF|{{payload}}|{"SA":"ECDSA-secp256r1-SHA256","SD":"{{signature}}"}""";
    }

    /// <summary>One reading; B0 and C0 are the meter's totals of import and export (OCMF, table of OBIS codes).
    /// </summary>
    private static string Reading(RegisterIndices indices, char transaction, long wattHours, char obis)
    {
        var (whole, rest) = Math.DivRem(wattHours, 1000);
        return string.Create(CultureInfo.InvariantCulture,
            $$"""{"TM":"{{TimePattern.Format(indices.At)}}","TX":"{{transaction}}","RV":{{whole}}.{{rest:000}},"RI":"01-00:{{obis}}0.08.00*FF","RU":"kWh","RT":"DC","EF":"","ST":"G"}""");
    }

    private byte[] Sign(byte[] payload)
    {
        var signer = new ECDsaSigner(new HMacDsaKCalculator(new Sha256Digest()));
        signer.Init(true, new ECPrivateKeyParameters(secret, Domain));
        var parts = signer.GenerateSignature(SHA256.HashData(payload));
        return new DerSequence(new DerInteger(parts[0]), new DerInteger(parts[1])).GetDerEncoded();
    }
}
