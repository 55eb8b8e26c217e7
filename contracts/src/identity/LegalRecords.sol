// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

/// Which law a machine stands under, and who answers for it. Records are appended, never changed: the
/// record of any past day can be read for ever.
abstract contract LegalRecords {
    struct Document {
        string title;
        string uri;
        bytes32 sha256Hash;
    }

    struct LegalRecord {
        string jurisdiction; // ISO 3166-2, for example "US-WY"
        string entityId; // as the jurisdiction's register writes it
        string registeredAgent;
        string liableParty;
        uint48 effectiveFrom;
        uint48 effectiveUntil; // 0: until the next record
        Document[] documents;
    }

    uint256 public constant DOCUMENTS_MAX = 16;

    mapping(uint256 id => LegalRecord[]) private _records;

    event LegalRecordAdded(uint256 indexed id, uint256 indexed index, string jurisdiction, string entityId);

    error NoLegalRecord(uint256 id);
    error TooManyDocuments();
    error BadDates();

    /// @notice Number of records of machine `id`.
    function legalRecordCount(uint256 id) external view returns (uint256) {
        return _records[id].length;
    }

    /// @notice Record number `index`, oldest first.
    function legalRecord(uint256 id, uint256 index) external view returns (LegalRecord memory) {
        return _records[id][index];
    }

    /// @notice The record in force at `time`: the last one added that covers it.
    function legalRecordAt(uint256 id, uint48 time) external view returns (LegalRecord memory) {
        LegalRecord[] storage all = _records[id];
        for (uint256 k = all.length; k > 0; k--) {
            LegalRecord storage r = all[k - 1];
            if (r.effectiveFrom <= time && (r.effectiveUntil == 0 || time < r.effectiveUntil)) {
                return r;
            }
        }
        revert NoLegalRecord(id);
    }

    function _addLegalRecord(uint256 id, LegalRecord calldata record) internal {
        if (record.documents.length > DOCUMENTS_MAX) {
            revert TooManyDocuments();
        }
        if (record.effectiveUntil != 0 && record.effectiveUntil <= record.effectiveFrom) {
            revert BadDates();
        }
        _records[id].push(record);
        emit LegalRecordAdded(id, _records[id].length - 1, record.jurisdiction, record.entityId);
    }
}
