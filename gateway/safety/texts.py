"""What a person reads about each reason, in English and in French: what is wrong, what to do.

Theory of operation
-------------------
One table for each language, a row for each reason: one sentence that says what is wrong and one, or
more, that says what to do now.  After a trip the same must be done every time; it stands once, in
``EVERY_TRIP``, and follows the trip's own first step.  The codes (``Reason``) are what the journal and
the wire carry; these sentences are what screens, the annunciator and the alarm rows show, in the
language of the site.  No sentence is longer than 120 characters, one line of a bedside screen
(engineering proposal).

The French is that of a French-speaking intensive care unit, in the infinitive of its instructions:
brassard (cuff), saturation tissulaire (StO2), pression systolique, passerelle (gateway).
"""

from enum import StrEnum
from typing import NamedTuple

from gateway.model import Reason
from gateway.safety.reasons import Kind, kind_of


class Language(StrEnum):
    """A language in which every reason has its sentences."""

    ENGLISH = "en"
    FRENCH = "fr"


class Wording(NamedTuple):
    """What is wrong, and what to do about it; ``action`` is empty where there is nothing to do."""

    text: str
    action: str = ""


EVERY_TRIP: dict[Language, str] = {
    Language.ENGLISH: (
        "Check the limb and the cuff, unplug the hose if it is still tight, "
        "then run `rvos session reset --confirm`."
    ),
    Language.FRENCH: (
        "Vérifier le membre et le brassard, débrancher le tuyau si le brassard serre, "
        "puis `rvos session reset --confirm`."
    ),
}

EN: dict[Reason, Wording] = {
    Reason.NO_REQUEST: Wording("No inflation is asked for."),
    Reason.PLANNED: Wording("As planned."),
    Reason.ISCHAEMIA_DEBT: Wording("The limb has not been reperfused for long enough yet.", "Wait."),
    Reason.BLOOD_PRESSURE_MISSING: Wording(
        "No blood pressure was entered.", "Measure it and run `rvos session pressure`."
    ),
    Reason.BLOOD_PRESSURE_STALE: Wording(
        "The blood pressure is older than 5 minutes.", "Measure it and run `rvos session pressure`."
    ),
    Reason.BLOOD_PRESSURE_OUT_OF_RANGE: Wording(
        "The blood pressure is outside systolic 90-180 mmHg or its mean is under 65 mmHg.",
        "No new inflation starts; measure again later or stop the session.",
    ),
    Reason.JOURNAL_PENDING: Wording("The authorisation is being written.", "Wait."),
    Reason.NOT_DEFLATED_YET: Wording("The cuff is still above 15 mmHg.", "Wait."),
    Reason.OTHER_LIMB_DEFLATED: Wording("Another limb was deflated less than a minute ago.", "Wait."),
    Reason.CONTRACTION_PAUSE: Wording("The muscle rests between contractions.", "Wait."),
    Reason.NOT_ARMED: Wording("No session is running.", "Run `rvos session start`."),
    Reason.TARGET_ABOVE_CEILING: Wording(
        "The target is above the pressure ceiling; it is refused, not reduced.",
        "Stop the session, or continue when the blood pressure has fallen.",
    ),
    Reason.TARGET_BELOW_SYSTOLIC: Wording(
        "The target would not occlude: it is under systolic + 20 mmHg, or what this limb was found to need.",
        "Measure the blood pressure, then the limb occlusion pressure again, or use another prescription.",
    ),
    Reason.PLANNED_TIME_TOO_LONG: Wording(
        "The planned occlusion is longer than 300 s.", "Use another prescription."
    ),
    Reason.REQUEST_CHANGED: Wording(
        "What is asked for is not what was authorised.", "Report this: it is a defect."
    ),
    Reason.TARGET_NEEDS_LIMB_PRESSURE: Wording(
        "A target above 250 mmHg needs a limb occlusion pressure measured in this session.",
        "Measure it, or use another prescription.",
    ),
    Reason.NOT_READY: Wording("Something that must be checked first is missing.", "Complete the checks."),
    Reason.BUDGET_SPENT: Wording(
        "The budget of pressure or of stimulation is spent for now.",
        "Stop the session; `rvos patient show` tells what is left.",
    ),
    Reason.HISTORY_UNKNOWN: Wording(
        "This gateway does not know the patient's last 24 hours.",
        "Enter them with `rvos patient history` or `rvos patient import`.",
    ),
    Reason.TOO_MANY_SESSIONS: Wording(
        "The patient has had three sessions in 24 hours.",
        "Wait; `rvos patient show` tells when the next one may start.",
    ),
    Reason.TOO_SOON_AFTER_SESSION: Wording(
        "The patient's last session ended less than 4 hours ago.",
        "Wait; `rvos patient show` tells when the next one may start.",
    ),
    Reason.STIMULATION_ABOVE_LIMIT: Wording(
        "The stimulation asked for is above a limit.", "Use another prescription."
    ),
    Reason.STIMULATION_RISE_TOO_FAST: Wording(
        "The current was to rise faster than allowed.", "Raise it in smaller steps."
    ),
    Reason.STIMULATION_NOT_CONFIGURED: Wording(
        "This site has set no ceilings for stimulation.", "Complete [stimulator] in the configuration."
    ),
    Reason.OVER_PRESSURE: Wording("The cuff pressure was above its limit."),
    Reason.OCCLUSION_TIME: Wording("The limb was occluded for too long."),
    Reason.CUFF_STATUS_LOST: Wording("The cuff controller has fallen silent.", "Check its cable and power."),
    Reason.SENSOR_MISSING: Wording("A pressure sensor gives no value."),
    Reason.SENSOR_OUT_OF_RANGE: Wording("A pressure sensor reads what cannot be."),
    Reason.SENSORS_DISAGREE: Wording("The two pressure sensors disagree.", "Look for a kinked hose."),
    Reason.UNEXPECTED_PRESSURE: Wording("The cuff is under pressure and nobody asked for it."),
    Reason.INFLATION_TOO_SLOW: Wording("The cuff did not reach its target in time.", "Look for a leak."),
    Reason.PRESSURE_LOST: Wording(
        "The cuff pressure fell under systolic + 20 mmHg during the hold.", "Look for a leak."
    ),
    Reason.DEFLATION_FAILED: Wording("The cuff did not deflate: unplug the hose at the cuff."),
    Reason.DEVICE_FAULT: Wording("The cuff controller reports a fault."),
    Reason.DEVICE_RESET: Wording("The cuff controller restarted."),
    Reason.DEVICE_REFUSED: Wording("The cuff controller refused a command to inflate or to stimulate."),
    Reason.CYCLE_LATE: Wording("The gateway was held up for too long."),
    Reason.TIME_REVERSED: Wording("The gateway's clock ran backwards."),
    Reason.JOURNAL_FAILED: Wording("The record cannot be written.", "Check the disk."),
    Reason.CORE_RESTARTED: Wording("The gateway restarted during a session."),
    Reason.RESTARTS_TOO_MANY: Wording(
        "The gateway restarted three times in 30 minutes.", "Call the technician."
    ),
    Reason.VENOUS_CONGESTION: Wording("Blood flowed into the limb and could not leave it."),
    Reason.REPERFUSION_FAILED: Wording(
        "The tissue oxygen has not come back a minute after the cuff was emptied.",
        "Take the cuff off, look at the limb's colour and pulse.",
    ),
    Reason.WRONG_LIMB: Wording("The oxygen fell in the other limb: is the cuff on the wrong one?"),
    Reason.ELECTRODE_FAULT: Wording(
        "The stimulator reports an electrode fault.", "Look at the skin and the electrodes."
    ),
    Reason.STIMULATOR_LOST: Wording("The stimulator has fallen silent.", "Check its cable and power."),
    Reason.STIMULATOR_UNEXPECTED: Wording(
        "The stimulator does something that nobody asked for.", "Unplug its lead."
    ),
    Reason.STATUS_TOO_RARE: Wording("Too few messages come from the cuff controller.", "Check its cable."),
    Reason.STATUS_MISSING: Wording("Many messages of the cuff controller get lost.", "Check its cable."),
    Reason.STATUS_DAMAGED: Wording(
        "Many messages of the cuff controller are damaged.", "Check its cable, and what runs beside it."
    ),
    Reason.DEVICE_CLOCK: Wording(
        "Messages of the cuff controller come late, or its clock is wrong.",
        "Check its cable; if it comes again, call the technician.",
    ),
    Reason.SENSOR_STUCK: Wording(
        "A pressure sensor stands still while the pressure changes.", "Call the technician."
    ),
    Reason.STOPPED_BY_OPERATOR: Wording("A person stopped the session."),
    Reason.STOPPED_AT_BEDSIDE: Wording("The button at the bedside stopped the session."),
    Reason.STOPPED_BY_PATIENT: Wording("The patient's button stopped the session."),
    Reason.INTOLERABLE: Wording(
        "The pain score stopped the session.", "Ask; it may be resumed within an hour."
    ),
    Reason.PATIENT_CLEARED: Wording("The patient was cleared; a new screening comes before anything else."),
    Reason.CORE_STOPPED: Wording("The service was stopped."),
    Reason.TISSUE_SATURATION_LOST: Wording("The oximeter gives no value.", "Check its sensor and cable."),
    Reason.PRESSURE_DEVIATION: Wording(
        "The cuff is more than 15 mmHg from its target.", "Look at the cuff and the hose."
    ),
    Reason.CUFF_NOT_REMOVED: Wording(
        "The cuff is still on the limb.", "Take it off and run `rvos session cuff-removed`."
    ),
    Reason.LINK_LOST: Wording(
        "Nothing carries the record to the ward.", "Check that `rvos link` runs and reaches its broker."
    ),
    Reason.CUFF_ABSENT: Wording("The cuff controller does not answer.", "Check its cable and power."),
    Reason.OCCLUSION_UNVERIFIED: Wording(
        "The tissue oxygen does not show that the limb is occluded.",
        "Look at the probe and the cuff; the cycle counts as unverified.",
    ),
    Reason.LEAK: Wording("The pump works too much to hold the pressure.", "Look for a leak."),
    Reason.RESIDUAL_PRESSURE: Wording(
        "The vented cuff still presses on the limb a little.", "Open the cuff or unplug its hose."
    ),
    Reason.TARGET_FAR_ABOVE_SYSTOLIC: Wording(
        "The cuff is more than 100 mmHg above the systolic pressure.",
        "Stop the session, or measure the limb occlusion pressure.",
    ),
    Reason.PAIN_SCORE_DUE: Wording("A pain score is due.", "Ask the patient and run `rvos session pain`."),
    Reason.ANNUNCIATOR_LOST: Wording(
        "The gateway's light and buzzer cannot be driven.",
        "Stay within hearing of the cuff controller; call the technician.",
    ),
    Reason.WAVEFORM_LOST: Wording(
        "Samples of this session are not recorded.",
        "The session may go on; call the technician (disk full?).",
    ),
    Reason.STIMULATION_HELD: Wording(
        "No response of the muscle: the stimulation is held.",
        "Stop; look at electrodes and lead, press the button, start again with --resume.",
    ),
    Reason.RESPONSE_MISSING: Wording(
        "The muscle no longer answers to a current that it answered to.",
        "Look at electrodes, lead and stimulator; stop before you mend a lead.",
    ),
    Reason.FORCE_LOST: Wording(
        "The force sensor is silent, or its value stands still.", "Check the load cell and its cable."
    ),
}

FR: dict[Reason, Wording] = {
    Reason.NO_REQUEST: Wording("Aucun gonflage n'est demandé."),
    Reason.PLANNED: Wording("Comme prévu."),
    Reason.ISCHAEMIA_DEBT: Wording("Le membre n'est pas reperfusé depuis assez longtemps.", "Attendre."),
    Reason.BLOOD_PRESSURE_MISSING: Wording(
        "Aucune pression artérielle n'a été saisie.", "La mesurer, puis `rvos session pressure`."
    ),
    Reason.BLOOD_PRESSURE_STALE: Wording(
        "La pression artérielle date de plus de 5 minutes.", "La mesurer, puis `rvos session pressure`."
    ),
    Reason.BLOOD_PRESSURE_OUT_OF_RANGE: Wording(
        "La pression systolique est hors de 90-180 mmHg ou la pression moyenne sous 65 mmHg.",
        "Aucun gonflage ne commence ; mesurer de nouveau plus tard ou arrêter la séance.",
    ),
    Reason.JOURNAL_PENDING: Wording("L'autorisation est en cours d'écriture.", "Attendre."),
    Reason.NOT_DEFLATED_YET: Wording("Le brassard est encore au-dessus de 15 mmHg.", "Attendre."),
    Reason.OTHER_LIMB_DEFLATED: Wording(
        "Le brassard d'un autre membre a été dégonflé il y a moins d'une minute.", "Attendre."
    ),
    Reason.CONTRACTION_PAUSE: Wording("Le muscle se repose entre deux contractions.", "Attendre."),
    Reason.NOT_ARMED: Wording("Aucune séance n'est en cours.", "Lancer `rvos session start`."),
    Reason.TARGET_ABOVE_CEILING: Wording(
        "La pression cible dépasse le plafond ; elle est refusée, non réduite.",
        "Arrêter la séance, ou continuer quand la pression artérielle aura baissé.",
    ),
    Reason.TARGET_BELOW_SYSTOLIC: Wording(
        "La cible n'occlurait pas : sous la systolique + 20 mmHg, ou sous ce que ce membre a demandé.",
        "Mesurer la tension, puis de nouveau la pression d'occlusion, ou choisir une autre prescription.",
    ),
    Reason.PLANNED_TIME_TOO_LONG: Wording(
        "L'occlusion prévue dure plus de 300 s.", "Choisir une autre prescription."
    ),
    Reason.REQUEST_CHANGED: Wording(
        "Ce qui est demandé n'est pas ce qui a été autorisé.", "Le signaler : c'est un défaut du logiciel."
    ),
    Reason.TARGET_NEEDS_LIMB_PRESSURE: Wording(
        "Au-dessus de 250 mmHg, il faut une pression d'occlusion du membre mesurée dans cette séance.",
        "La mesurer, ou choisir une autre prescription.",
    ),
    Reason.NOT_READY: Wording("Une vérification préalable manque.", "Compléter les vérifications."),
    Reason.BUDGET_SPENT: Wording(
        "La durée permise de pression ou de stimulation est épuisée pour l'instant.",
        "Arrêter la séance ; `rvos patient show` dit ce qui reste.",
    ),
    Reason.HISTORY_UNKNOWN: Wording(
        "Cette passerelle ne connaît pas les dernières 24 heures du patient.",
        "Les saisir avec `rvos patient history` ou `rvos patient import`.",
    ),
    Reason.TOO_MANY_SESSIONS: Wording(
        "Le patient a eu trois séances en 24 heures.",
        "Attendre ; `rvos patient show` dit quand la prochaine peut commencer.",
    ),
    Reason.TOO_SOON_AFTER_SESSION: Wording(
        "La dernière séance du patient s'est terminée il y a moins de 4 heures.",
        "Attendre ; `rvos patient show` dit quand la prochaine peut commencer.",
    ),
    Reason.STIMULATION_ABOVE_LIMIT: Wording(
        "La stimulation demandée dépasse une limite.", "Choisir une autre prescription."
    ),
    Reason.STIMULATION_RISE_TOO_FAST: Wording(
        "Le courant devait monter plus vite que permis.", "L'augmenter par plus petits pas."
    ),
    Reason.STIMULATION_NOT_CONFIGURED: Wording(
        "Ce site n'a pas fixé les plafonds de la stimulation.",
        "Compléter [stimulator] dans la configuration.",
    ),
    Reason.OVER_PRESSURE: Wording("La pression du brassard a dépassé sa limite."),
    Reason.OCCLUSION_TIME: Wording("Le membre est resté occlus trop longtemps."),
    Reason.CUFF_STATUS_LOST: Wording(
        "Le contrôleur du brassard ne répond plus.", "Vérifier son câble et son alimentation."
    ),
    Reason.SENSOR_MISSING: Wording("Un capteur de pression ne donne aucune valeur."),
    Reason.SENSOR_OUT_OF_RANGE: Wording("Un capteur de pression donne une valeur impossible."),
    Reason.SENSORS_DISAGREE: Wording(
        "Les deux capteurs de pression ne concordent pas.", "Chercher un tuyau coudé."
    ),
    Reason.UNEXPECTED_PRESSURE: Wording("Le brassard est sous pression sans que personne ne l'ait demandé."),
    Reason.INFLATION_TOO_SLOW: Wording(
        "Le brassard n'a pas atteint sa pression cible à temps.", "Chercher une fuite."
    ),
    Reason.PRESSURE_LOST: Wording(
        "La pression du brassard est tombée sous la systolique + 20 mmHg pendant l'occlusion.",
        "Chercher une fuite.",
    ),
    Reason.DEFLATION_FAILED: Wording(
        "Le brassard ne s'est pas dégonflé : débrancher le tuyau au niveau du brassard."
    ),
    Reason.DEVICE_FAULT: Wording("Le contrôleur du brassard signale un défaut."),
    Reason.DEVICE_RESET: Wording("Le contrôleur du brassard a redémarré."),
    Reason.DEVICE_REFUSED: Wording("Le contrôleur a refusé un ordre de gonflage ou de stimulation."),
    Reason.CYCLE_LATE: Wording("La passerelle est restée bloquée trop longtemps."),
    Reason.TIME_REVERSED: Wording("L'horloge de la passerelle a reculé."),
    Reason.JOURNAL_FAILED: Wording("L'enregistrement ne peut pas être écrit.", "Vérifier le disque."),
    Reason.CORE_RESTARTED: Wording("La passerelle a redémarré pendant une séance."),
    Reason.RESTARTS_TOO_MANY: Wording(
        "La passerelle a redémarré trois fois en 30 minutes.", "Appeler le technicien."
    ),
    Reason.VENOUS_CONGESTION: Wording("Le sang est entré dans le membre sans pouvoir en sortir."),
    Reason.REPERFUSION_FAILED: Wording(
        "La saturation tissulaire n'est pas remontée une minute après le dégonflage.",
        "Retirer le brassard, examiner la couleur et le pouls du membre.",
    ),
    Reason.WRONG_LIMB: Wording(
        "La saturation baisse dans l'autre membre : le brassard est-il sur le bon membre ?"
    ),
    Reason.ELECTRODE_FAULT: Wording(
        "Le stimulateur signale un défaut d'électrode.", "Examiner la peau et les électrodes."
    ),
    Reason.STIMULATOR_LOST: Wording(
        "Le stimulateur ne répond plus.", "Vérifier son câble et son alimentation."
    ),
    Reason.STIMULATOR_UNEXPECTED: Wording(
        "Le stimulateur fait ce que personne n'a demandé.", "Débrancher son câble d'électrodes."
    ),
    Reason.STATUS_TOO_RARE: Wording(
        "Trop peu de messages viennent du contrôleur du brassard.", "Vérifier son câble."
    ),
    Reason.STATUS_MISSING: Wording(
        "Beaucoup de messages du contrôleur du brassard se perdent.", "Vérifier son câble."
    ),
    Reason.STATUS_DAMAGED: Wording(
        "Beaucoup de messages du contrôleur du brassard sont altérés.",
        "Vérifier son câble, et ce qui passe à côté.",
    ),
    Reason.DEVICE_CLOCK: Wording(
        "Les messages du contrôleur du brassard arrivent en retard, ou son horloge est fausse.",
        "Vérifier son câble ; si cela se répète, appeler le technicien.",
    ),
    Reason.SENSOR_STUCK: Wording(
        "Un capteur de pression reste figé alors que la pression change.", "Appeler le technicien."
    ),
    Reason.STOPPED_BY_OPERATOR: Wording("Une personne a arrêté la séance."),
    Reason.STOPPED_AT_BEDSIDE: Wording("Le bouton au lit du patient a arrêté la séance."),
    Reason.STOPPED_BY_PATIENT: Wording("Le bouton du patient a arrêté la séance."),
    Reason.INTOLERABLE: Wording(
        "Le score de douleur a arrêté la séance.",
        "Interroger le patient ; la reprise reste possible pendant une heure.",
    ),
    Reason.PATIENT_CLEARED: Wording(
        "Le patient a été libéré de l'appareil ; rien ne reprend sans nouvelles vérifications préalables."
    ),
    Reason.CORE_STOPPED: Wording("Le service a été arrêté."),
    Reason.TISSUE_SATURATION_LOST: Wording(
        "L'oxymètre ne donne aucune valeur.", "Vérifier son capteur et son câble."
    ),
    Reason.PRESSURE_DEVIATION: Wording(
        "Le brassard est à plus de 15 mmHg de sa pression cible.", "Examiner le brassard et le tuyau."
    ),
    Reason.CUFF_NOT_REMOVED: Wording(
        "Le brassard est encore sur le membre.", "Le retirer, puis `rvos session cuff-removed`."
    ),
    Reason.LINK_LOST: Wording(
        "Rien ne transmet l'enregistrement à l'unité de soins.",
        "Vérifier que `rvos link` fonctionne et joint son serveur MQTT.",
    ),
    Reason.CUFF_ABSENT: Wording(
        "Le contrôleur du brassard ne répond pas.", "Vérifier son câble et son alimentation."
    ),
    Reason.OCCLUSION_UNVERIFIED: Wording(
        "La saturation tissulaire ne montre pas que le membre est occlus.",
        "Vérifier la sonde et le brassard ; le cycle compte comme non vérifié.",
    ),
    Reason.LEAK: Wording("La pompe travaille trop pour tenir la pression.", "Chercher une fuite."),
    Reason.RESIDUAL_PRESSURE: Wording(
        "Le brassard dégonflé comprime encore un peu le membre.",
        "Ouvrir le brassard ou débrancher son tuyau.",
    ),
    Reason.TARGET_FAR_ABOVE_SYSTOLIC: Wording(
        "Le brassard dépasse la pression systolique de plus de 100 mmHg.",
        "Arrêter la séance, ou mesurer la pression d'occlusion du membre.",
    ),
    Reason.PAIN_SCORE_DUE: Wording(
        "Un score de douleur est à relever.", "Interroger le patient, puis `rvos session pain`."
    ),
    Reason.ANNUNCIATOR_LOST: Wording(
        "Le voyant et l'avertisseur sonore de la passerelle ne répondent plus.",
        "Rester à portée d'oreille du contrôleur du brassard ; appeler le technicien.",
    ),
    Reason.WAVEFORM_LOST: Wording(
        "Des échantillons de cette séance ne sont pas enregistrés.",
        "La séance peut continuer ; appeler le technicien (disque plein ?).",
    ),
    Reason.STIMULATION_HELD: Wording(
        "Aucune réponse du muscle : la stimulation est suspendue.",
        "Arrêter ; vérifier électrodes et câble, appuyer sur le bouton, reprendre avec --resume.",
    ),
    Reason.RESPONSE_MISSING: Wording(
        "Le muscle ne répond plus à un courant auquel il répondait.",
        "Vérifier électrodes, câble et stimulateur ; arrêter avant de réparer un câble.",
    ),
    Reason.FORCE_LOST: Wording(
        "Le capteur de force se tait, ou sa valeur ne bouge plus.", "Vérifier le capteur et son câble."
    ),
}

TEXTS: dict[Language, dict[Reason, Wording]] = {Language.ENGLISH: EN, Language.FRENCH: FR}


def action_of(reason: Reason, language: Language = Language.ENGLISH) -> str:
    """What a person should do now, after a trip with what every trip asks for; empty for nothing."""
    own = TEXTS[language][reason].action
    return f"{own} {EVERY_TRIP[language]}".strip() if kind_of(reason) is Kind.TRIP else own


def text_of(reason: Reason, language: Language = Language.ENGLISH) -> str:
    """One line for a person: what is wrong and what to do."""
    return f"{TEXTS[language][reason].text} {action_of(reason, language)}".strip()
